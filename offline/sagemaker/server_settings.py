"""The variables of the hosting container, as the endpoints of the product set them; what it has beside is refused.

In AWS's container each `SM_VLLM_<ARGUMENT>` becomes an argument of vLLM. The twin honours those that decide what is
answered, and lets pass those that are about a GPU or another machine's files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PREFIX = "SM_VLLM_"
MODEL_DIR = "/opt/ml/model"
#: Without effect here: the base is the one that was trained on, and decoding is the twin's own.
PASSED = {
    "REVISION",
    "DTYPE",
    "MAX_LORAS",
    "MAX_NUM_SEQS",
    "TENSOR_PARALLEL_SIZE",
    "GENERATION_CONFIG",
    "DEFAULT_CHAT_TEMPLATE_KWARGS",
    "ENABLE_PER_REQUEST_METRICS",
}
HONOURED = {
    "MODEL",
    "SERVED_MODEL_NAME",
    "TOKENIZER",
    "ENABLE_LORA",
    "LORA_MODULES",
    "MAX_LORA_RANK",
    "MAX_MODEL_LEN",
}


class ServerSettingsError(ValueError):
    """The container would not start with these variables; the message is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What a server serves: the base by `name`, `adapters` by name, prompts with answer of `max_model_len` tokens."""

    name: str
    tokenizer: Path | None
    adapters: Mapping[str, Path]
    max_model_len: int | None


def read(variables: Mapping[str, str], model: Path) -> ServerSettings:
    """Return the settings; paths below `/opt/ml/model` are those of the unpacked archive `model`.

    Raises:
        ServerSettingsError: a variable is missing, unknown or wrong, or an adapter does not fit.
    """
    values = {key.removeprefix(PREFIX): value for key, value in variables.items() if key.startswith(PREFIX)}
    unknown = sorted(values.keys() - HONOURED - PASSED)
    if unknown:
        raise ServerSettingsError(f"the embedded AWS knows no {PREFIX}{unknown[0]}")
    if not values.get("MODEL"):
        raise ServerSettingsError(f"{PREFIX}MODEL is not set")
    adapters = _adapters(values, model)
    length = values.get("MAX_MODEL_LEN")
    return ServerSettings(
        name=values.get("SERVED_MODEL_NAME") or values["MODEL"],
        tokenizer=_inside(values["TOKENIZER"], model) if "TOKENIZER" in values else None,
        adapters=adapters,
        max_model_len=int(length) if length else None,
    )


def _adapters(values: Mapping[str, str], model: Path) -> dict[str, Path]:
    """Return adapter -> folder, each of a rank that the server reserves memory for (16 where it is not told)."""
    listed = json.loads(values.get("LORA_MODULES", "[]"))
    if listed and values.get("ENABLE_LORA") != "true":
        raise ServerSettingsError(f"{PREFIX}LORA_MODULES needs {PREFIX}ENABLE_LORA=true")
    found: dict[str, Path] = {}
    for entry in listed:
        name, _, path = entry.partition("=")
        folder = _inside(path, model)
        config = folder / "adapter_config.json"
        if not config.is_file():
            raise ServerSettingsError(f"adapter {name}: {path} holds no adapter")
        rank, most = json.loads(config.read_text(encoding="utf-8"))["r"], int(values.get("MAX_LORA_RANK", "16"))
        if rank > most:
            raise ServerSettingsError(f"adapter {name}: LoRA rank {rank} is greater than max_lora_rank {most}")
        found[name] = folder
    return found


def _inside(path: str, model: Path) -> Path:
    if path != MODEL_DIR and not path.startswith(f"{MODEL_DIR}/"):
        raise ServerSettingsError(f"{path} is not below {MODEL_DIR}")
    return model / path[len(MODEL_DIR) :].lstrip("/")

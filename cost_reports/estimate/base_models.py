"""Open-weight base models whose files are known: pinned by commit, checked by hash.

The commit names every file of a hub repository. The hashes of the weights are beside it, because a download is not
compared with what the commit says. Shapes, for estimates, are in `gpu.SHAPES`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.experiment import Models

COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One version of a base. `weights` are file -> SHA-256."""

    revision: str
    licence: str
    weights: Mapping[str, str]


#: Hugging Face id -> the version that is used. Sources: the repository's config.json, LICENSE and LFS records at the
#: commit, as several public projects that pin the same version quote them (read 2026-12-01).
PINS: dict[str, Pin] = {
    "Qwen/Qwen3-4B-Instruct-2507": Pin(
        revision="cdbee75f17c01a7cc42f958dc650907174af0554",
        licence="Apache-2.0",
        weights={
            "model-00001-of-00003.safetensors": "75311d91bb08cf0b882913da464a1e722a31fb44db35208663487efb7a3d8ed6",
            "model-00002-of-00003.safetensors": "0b48adbb1f60e901153d91907ba11ce63bd4b8b584482e730f48808d055dfba1",
            "model-00003-of-00003.safetensors": "7dd39ccca5e4de123c74c14af44c9bf2eb75df33b4614382af0134528e060d5d",
        },
    ),
}


class UnpinnedError(ValueError):
    """The base has no commit: what is trained on and what is served could be two models."""


def revision_of(models: Models) -> str:
    """Return the commit of the experiment's base: its own, or that of the known version.

    Raises:
        UnpinnedError: there is neither.
    """
    if models.fine_tuning_base_revision:
        return models.fine_tuning_base_revision
    if models.fine_tuning_base in PINS:
        return PINS[models.fine_tuning_base].revision
    raise UnpinnedError(f"no version of {models.fine_tuning_base} is known")


def weights_of(base: str, revision: str) -> Mapping[str, str]:
    """Return file -> SHA-256 of the weights at a commit; empty where the hashes are not known."""
    pin = PINS.get(base)
    return pin.weights if pin and pin.revision == revision else {}

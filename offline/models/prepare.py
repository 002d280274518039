"""The model folder of this machine, made once and checked before every use."""

from __future__ import annotations

import sys
from pathlib import Path

from offline.models import smollm2, tiny
from offline.models.cache import build_once, is_complete
from offline.models.hub import HubFolder, ModelName


def prepare(name: ModelName, root: Path) -> HubFolder:
    """The folder of model `name` below `root`; converts it first where that has not been done.

    Raises:
        ModelFilesError: a package is missing or damaged, or the folder cannot be written.
    """
    target = tiny.folder(root) if name == "tiny" else smollm2.folder(root)
    if is_complete(target.home):
        return target
    if name == "tiny":
        build_once(target.home, lambda temporary: tiny.build(HubFolder(temporary, target.revision)))
        return target
    gguf = smollm2.source()
    sys.stderr.write(f"converting {gguf.name} once into {target.home} (about 10 s)\n")
    build_once(target.home, lambda temporary: smollm2.convert(gguf, HubFolder(temporary, target.revision)))
    return target

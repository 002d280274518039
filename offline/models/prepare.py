"""`python -m offline.models.prepare smollm2|tiny`: put a model into the cache, once, and print its folder.

The engines run it as a process of its own: PyTorch never enters theirs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from offline.models import smollm2, tiny
from offline.models.cache import ModelFilesError, build_once, cache_root, is_complete
from offline.models.hub import HubFolder, ModelName


def folder(model: ModelName, root: Path) -> HubFolder:
    """Return the folder of the model, built or not."""
    return smollm2.folder(root) if model == "smollm2" else tiny.folder(root)


def prepare(model: ModelName, root: Path) -> HubFolder:
    """Build the model's folder in this process unless it is there.

    Raises:
        ModelFilesError: a package is missing or damaged, or the cache cannot be written.
    """
    target = folder(model, root)

    def build(temporary: Path) -> None:
        place = HubFolder(home=temporary, revision=target.revision)
        if model == "tiny":
            tiny.create(place)
            return
        smollm2.convert(smollm2.source(), place)

    build_once(target.home, build)
    return target


def ensure(model: ModelName, root: Path) -> HubFolder:
    """Prepare the model; where it has to be built, a child process builds it.

    Raises:
        ModelFilesError: with the child's last line.
    """
    target = folder(model, root)
    if not is_complete(target.home):
        if model == "smollm2":
            sys.stderr.write(f"converting SmolLM2-135M-Instruct into {target.home} (once, about 25 s)\n")
            sys.stderr.flush()
        done = subprocess.run(
            [sys.executable, "-m", "offline.models.prepare", model],
            env={**os.environ, "LADDER_CACHE": str(root)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ModelFilesError((done.stderr.strip().splitlines() or ["the conversion was killed"])[-1])
    return target


def main() -> int:
    model: ModelName = "tiny" if sys.argv[1:] == ["tiny"] else "smollm2"
    if sys.argv[1:] not in (["tiny"], ["smollm2"]):
        sys.stderr.write("usage: python -m offline.models.prepare smollm2|tiny\n")
        return 2
    try:
        target = prepare(model, cache_root(os.environ))
    except ModelFilesError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{target.home}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

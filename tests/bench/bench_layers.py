"""Sizes of the Lambda layers as they go to AWS (arm64, Python 3.13): unpacked, and zipped as CDK uploads them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from infra.functions import layers

MB = 1_000_000
TARGET_MB = {"retrieval": 12}


def zipped_bytes(folder: Path) -> int:
    """Size of a zip of everything below `folder`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            packed.write(path, path.relative_to(folder))
    return len(buffer.getvalue())


def main() -> None:
    print(f"  {'layer':<12}{'unpacked MB':>12}{'zipped MB':>11}{'target':>8}")
    for recipe in (layers.RETRIEVAL, layers.EVALUATION, layers.EXPORTS):
        folder = layers.build(recipe, "arm64")
        unpacked = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
        target = f"{TARGET_MB[recipe.name]}" if recipe.name in TARGET_MB else "-"
        print(f"  {recipe.name:<12}{unpacked / MB:>12.1f}{zipped_bytes(folder) / MB:>11.1f}{target:>8}")


if __name__ == "__main__":
    main()

"""`make bench`: every benchmark in turn, or the ones named: `python -m tests.bench retrieval handlers`."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

PREFIX = "bench_"


def names() -> list[str]:
    """The benchmarks that exist: modules `bench_<name>` of this folder."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name.removeprefix(PREFIX) for module in found if module.name.startswith(PREFIX))


def main(chosen: list[str]) -> None:
    unknown = [name for name in chosen if name not in names()]
    if unknown:
        sys.exit(f"error: no benchmark named {unknown[0]}; there are: {', '.join(names())}")
    for name in chosen or names():
        print(f"\n== {name} ==", flush=True)
        importlib.import_module(f"tests.bench.{PREFIX}{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])

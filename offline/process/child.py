"""`python -m offline.process.child SCRIPT [ARGUMENTS]`: run a script that ends with the process that started it."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from offline.process.watchdog import exit_with_parent


def main() -> None:
    exit_with_parent()
    script = Path(sys.argv[1]).resolve()
    sys.argv = [str(script), *sys.argv[2:]]
    sys.path.insert(0, str(script.parent))
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()

"""`python -m offline.emulator`: compose ministack and its additions, and serve until standard input closes.

The order matters: ministack reads its environment at import, and its `main` parses `sys.argv`.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile

from offline.emulator import contract, settings
from offline.process import watchdog


def main() -> int:
    options = settings.parse(sys.argv[1:])
    watchdog.exit_with_parent()
    settings.apply_environment(options, os.environ)
    tempfile.tempdir = str(options.directory)
    problems = contract.version_problems() or contract.name_problems()
    if problems:
        sys.stderr.write(f"emulator environment: {'; '.join(problems)}; make it again: make setup\n")
        return 3
    from offline.emulator import composition

    composition.compose(options)
    sys.argv = ["ministack"]
    importlib.import_module("ministack.app").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())

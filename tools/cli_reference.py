"""Write docs/cli.md: every command and option of `ladder`, as `--help` tells them.

`python -m tools.cli_reference` writes the file.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "cli.md"
NOTE = "<!-- Written by `make docs` from the help texts of the commands. -->\n\n"
#: A section's title, and the first paragraph below it.
_SECTION = re.compile(r"^#+ `(?P<command>ladder [a-z -]+)`\n\n(?P<about>[^\n*]+(?:\n[^\n*]+)*)$", re.MULTILINE)
_LISTED = re.compile(r"^\* `(?P<name>[a-z][a-z-]*)`: .*$", re.MULTILINE)
_GROUP = re.compile(r"^#+ `(?P<command>ladder[a-z -]*)`$", re.MULTILINE)


def render() -> str:
    """Return the text of the file: typer's own, with the lists of commands linked and their texts in full."""
    command = [sys.executable, "-m", "typer", "ladder.cli", "utils", "docs", "--name", "ladder"]
    text = subprocess.check_output(command, cwd=ROOT, text=True)
    about = {section["command"]: " ".join(section["about"].split()) for section in _SECTION.finditer(text)}

    def listed(match: re.Match[str]) -> str:
        group = [title["command"] for title in _GROUP.finditer(text, 0, match.start())][-1]
        full = f"{group} {match['name']}"
        return f"* [`{match['name']}`](#{full.replace(' ', '-')}): {about.get(full, '')}".rstrip(": ")

    return NOTE + _LISTED.sub(listed, text).rstrip() + "\n"


def main() -> None:
    TARGET.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Files that the command line reads and writes: what is wrong with one is a line, and none is left half-written."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from ladder.errors import LadderError

#: The largest file that is read whole. Reports, records and templates have at most a few MB.
MOST_BYTES = 256 * 2**20


def read_json(path: Path, todo: str) -> dict[str, Any]:
    """Return the JSON object that a file holds; `todo` says what to do about another file.

    Raises:
        FileNotFoundError: there is no such file.
        LadderError: it cannot be read, is too large, or holds something else.
    """
    try:
        found = path.stat()
        # Anything else than a regular file might block for ever, or never end.
        if not stat.S_ISREG(found.st_mode):
            raise LadderError(f"{path}: is not a regular file; {todo}")
        if found.st_size > MOST_BYTES:
            raise LadderError(f"{path}: has {found.st_size:,} bytes, at most {MOST_BYTES:,} are read; {todo}")
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise LadderError(f"{path}: {error.strerror or error}; {todo}") from error
    except (ValueError, RecursionError) as error:
        raise LadderError(f"{path}: not JSON: {' '.join(str(error).split())}; {todo}") from error
    if not isinstance(value, dict):
        raise LadderError(f"{path}: holds a JSON {type(value).__name__}, not an object; {todo}")
    return value


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all; folders on the way are made.

    A process that ends in the middle leaves a `.part` file, which the next writer replaces.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)

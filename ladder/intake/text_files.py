"""Files as text: which encoding it is in, and what a file is that holds no text."""

from __future__ import annotations

import codecs
import re
import stat
from pathlib import Path

from ladder.errors import LadderError
from ladder.files import MOST_BYTES

#: First bytes of files that people give in place of text -> what they are, and what to do instead.
_BINARY = (
    (b"PK\x03\x04", "a zip archive or an Office file", "save it as text (from Excel: CSV UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "an old Office file", "save it as text (from Excel: CSV UTF-8)"),
    (b"PAR1", "a Parquet file", "write it as CSV or JSON Lines"),
    (b"\x1f\x8b", "a gzip file", "unpack it"),
    (b"%PDF", "a PDF file", "give it as a document, with the suffix .pdf"),
    (b"\x89PNG", "an image", "remove it"),
)
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
#: Control characters and halves of surrogate pairs: no file of an experiment can hold them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


class IntakeError(LadderError):
    """What a team gave cannot be used: the message names the file, what is wrong, and what to do."""


def read_text(path: Path, encoding: str | None = None) -> str:
    """Return the file's text with `\\n` line ends: UTF-8, or UTF-16 with a byte order mark, or in `encoding`.

    Raises:
        IntakeError: the file cannot be read, holds no text, or is in another encoding.
    """
    try:
        found = path.stat()
        # Anything else than a regular file might block for ever, or never end.
        if not stat.S_ISREG(found.st_mode):
            raise IntakeError(f"{path}: is not a regular file; name a file")
        if found.st_size > MOST_BYTES:
            raise IntakeError(f"{path}: has {found.st_size:,} bytes, at most {MOST_BYTES:,} are read; split it")
        data = path.read_bytes()
    except OSError as error:
        raise IntakeError(f"{path}: cannot be read ({error.strerror}); name another file") from error
    for start, what, todo in _BINARY:
        if data.startswith(start):
            raise IntakeError(f"{path}: is {what}; {todo}")
    name = encoding or next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(name)
    except LookupError as error:
        raise IntakeError(f"{path}: {encoding!r} is not an encoding; write, for example, cp1252") from error
    except UnicodeError as error:
        if b"\x00" in data[:4096]:
            raise IntakeError(f"{path}: is not text; remove it, or convert it") from error
        todo = "save it as UTF-8, or name its encoding (Excel often writes --encoding cp1252)"
        raise IntakeError(f"{path}: is not {name.upper()} text; {todo}") from error
    if "\x00" in text:
        raise IntakeError(f"{path}: is not text; remove it, or convert it")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def storable(text: str) -> str:
    """Return the text without what no file of an experiment can hold, and without spaces around it."""
    return _UNPRINTABLE.sub("", text).strip()

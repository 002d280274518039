"""Outside text as people may see it: in a terminal, on a page, in a log."""

from __future__ import annotations

import re

#: Control characters but line end and tab, the marks that turn the direction of writing, and lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return `text` with characters that would steer a terminal or a browser written out, as in `\\x1b[2J`.

    Names, descriptions and messages come from users' files and from services: nothing shows them raw.
    """
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)

"""Numbers and outside text as people see them. Nothing here changes what is stored, only its picture."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

_READ = Context(prec=3, rounding=ROUND_HALF_EVEN)
NOT_AVAILABLE = "–"
#: Control characters but line end and tab, the marks that turn the direction of writing, and lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return `text` with characters that would steer a terminal or a browser written out, as in `\\x1b[2J`.

    Names, descriptions and messages come from users' files and from services: nothing shows them raw.
    """
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def usd(amount: Decimal | None) -> str:
    """Return `$1,234.50`; below a dollar three significant digits, because a small price must not look like 0."""
    if amount is None:
        return NOT_AVAILABLE
    sign = "-" if amount < 0 else ""
    size = abs(amount)
    if size >= 1:
        return f"{sign}${size:,.2f}"
    if size == 0:
        return "$0"
    text = f"{_READ.plus(size):f}"
    return f"{sign}${text.rstrip('0').rstrip('.') if '.' in text else text}"


def bounded(text: str, sign: str, least: bool) -> str:
    """Return `text` with a sign (`≥ `, `≤ `) before it, where the amount is a bound and there is one."""
    return f"{sign} {text}" if least and text != NOT_AVAILABLE else text


def number(value: Decimal | int | float | None, places: int = 0) -> str:
    """Return `12,345.6` with at most `places` decimals."""
    if value is None:
        return NOT_AVAILABLE
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return `1 page` or `1,200 pages`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def quantity(value: Decimal | None, unit: str | None) -> str:
    """Return `0.01234 GB-month`: whole numbers in full, others with three significant digits below a thousand."""
    if value is None:
        return NOT_AVAILABLE
    whole = value == value.to_integral_value() or abs(value) >= 1000
    text = f"{value:,.0f}" if whole else f"{_READ.plus(value):f}"
    return f"{text} {unit or ''}".strip()


def percent(value: Decimal | None) -> str:
    """Return a percentage that is one already: `12.3 %`."""
    return NOT_AVAILABLE if value is None else f"{value:.1f} %"

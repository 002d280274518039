"""What is shown, apart from how: a document of texts, tables and charts that every renderer understands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

T = TypeVar("T")
Align = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column's head and the side on which its cells stand; `keep`: a terminal does not break its cells."""

    name: str
    align: Align = "left"
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells are plain text of any origin; renderers escape them. `detail`: too long for a terminal."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    detail: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.title!r}: a row has {len(row)} cells, not {len(self.columns)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture (trusted inline SVG from `svg`, its texts escaped there) and the table that says the same."""

    title: str
    svg: str
    table: Table


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the second order."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. `headline` is what a reader must not miss, `warning` what limits the numbers."""

    text: str
    kind: Literal["plain", "headline", "warning"] = "plain"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]


Block = Heading | Text | Bullets | Table | Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """`kicker` stands above the title, `summary` below it."""

    title: str
    kicker: str
    summary: str
    blocks: tuple[Block, ...]


def columns(*names: str) -> tuple[Column, ...]:
    """Return columns from their heads: one that begins with `>` stands on the right, one with `=` is never broken."""
    kinds = {">": Column("", "right", keep=True), "=": Column("", "left", keep=True)}
    return tuple(replace(kinds[n[0]], name=n[1:]) if n[0] in kinds else Column(n) for n in names)


def table(
    title: str,
    items: Iterable[T],
    cells: Mapping[str, Callable[[T], str]],
    note: str = "",
    *,
    detail: bool = False,
    last: Sequence[tuple[str, ...]] = (),
) -> Table:
    """Return a table with a row for each item, then the rows of `last`. `cells`: head of a column -> its cell."""
    rows = (tuple(cell(item) for cell in cells.values()) for item in items)
    return Table(title=title, columns=columns(*cells), rows=(*rows, *last), note=note, detail=detail)


def facts(pairs: Iterable[tuple[str, str]], what: str = "value") -> Table:
    """Return a table of names and what is to be said of each, without a title."""
    return Table(title="", columns=columns("what", what), rows=tuple(pairs))

"""Finds the page that a question means by a file name, a path, a URL or a title."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

from ladder.intake.documents import SourcePage

_SUFFIX = re.compile(r"\.[a-z0-9]{1,10}$")


class PageIndex:
    """Pages by what people call them, most exact first.

    These are id, path, title, end of the path and name of the file, the last two with and without a suffix. Case and
    what follows `?` or `#` in a URL do not count. A name that several pages share finds none of them.
    """

    def __init__(self, pages: Sequence[SourcePage]) -> None:
        """Index `pages`."""
        self._by: list[dict[str, set[str]]] = []
        for calls in (
            lambda page: [page.document.id],
            lambda page: [page.source],
            lambda page: [_stem(_plain(page.source))],
            lambda page: [page.document.title],
            lambda page: _ends(_plain(page.source)),
            lambda page: _ends(_stem(_plain(page.source))),
        ):
            index: dict[str, set[str]] = defaultdict(set)
            for page in pages:
                for name in calls(page):
                    index[_plain(name)].add(page.document.id)
            self._by.append(dict(index))
        self._found: dict[str, tuple[str, ...]] = {}

    def find(self, name: str) -> tuple[str, ...]:
        """Return the ids of the pages that a question may mean: one where it is clear, none where it is unknown."""
        if name not in self._found:
            self._found[name] = self._search(name)
        return self._found[name]

    def knows(self, name: str) -> bool:
        """Return whether exactly one page is called so."""
        return len(self.find(name)) == 1

    def _search(self, name: str) -> tuple[str, ...]:
        plain = _plain(name)
        path = _plain(re.sub(r"[?#].*$", "", unquote(name))).rstrip("/")
        path = re.sub(r"^[a-z]+://[^/]+/?|^(?:\./|/)+", "", path) or path
        shared: tuple[str, ...] = ()
        # The whole name first; then of a path or URL its end without leading folders, one by one.
        for wanted in dict.fromkeys(w for w in (plain, path, _stem(path), *_ends(path), *_ends(_stem(path))) if w):
            for index in self._by:
                ids = index.get(wanted, ())
                if len(ids) == 1:
                    return tuple(ids)
                shared = shared or tuple(sorted(ids))
            if shared:
                return shared
        return ()


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("\\", "/").split())


def _stem(path: str) -> str:
    return _SUFFIX.sub("", path)


def _ends(path: str) -> Iterable[str]:
    """Yield a path without its first folder, without its first two, and so on: the last is the file's name."""
    while "/" in path:
        path = path.partition("/")[2]
        yield path

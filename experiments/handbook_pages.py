"""The pages of the handbook: prose from `handbook.source.toml`, and drawn values that no model can know.

Every draw is a SHA-256 of the seed and a name. Neither the Python version nor the order of the work changes it, and a
new page changes hardly any old value.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

SEED = 20261123
#: The share of a page's attributes that are trained, of those that may be.
TRAINED_SHARE = 0.6
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
FIRST_NAMES = (
    "Adair", "Bettina", "Corvin", "Dagny", "Elspeth", "Fabrice", "Greta", "Hamish", "Ilse", "Jorun", "Kasimir",
    "Linnea", "Malo", "Nerys", "Oswin", "Petra", "Quill", "Rosalind", "Sunniva", "Tavish", "Ulla", "Viggo", "Wenna",
    "Ysolde", "Zenobia",
)  # fmt: skip
LAST_NAMES = (
    "Abernook", "Brindlow", "Carrick-Fen", "Dovermoss", "Eskbank", "Farrowby", "Garthorne", "Hexwell", "Inchley",
    "Jessamond", "Kettering", "Lorrimer", "Mossgrave", "Netherby", "Ormskeld", "Pellworth", "Quarrie", "Rushmere",
    "Stavendale", "Thornquist", "Underhay", "Varleigh", "Whinfell", "Yarborough", "Zellwood",
)  # fmt: skip


@dataclass(frozen=True)
class Entity:
    """What one page is about. `facts` maps an attribute to its value."""

    id: str
    source: dict[str, Any]
    facts: dict[str, str]

    @property
    def kind(self) -> str:
        return self.id[:3]

    @property
    def reserved(self) -> bool:
        return bool(self.source.get("reserved", False))

    def called(self, mention: str) -> str:
        """Return its `name`, `alias` or `role`."""
        return str(self.source[mention])


@dataclass(frozen=True)
class Handbook:
    """The source as TOML gives it, what its pages are about, and their texts by id."""

    source: dict[str, Any]
    entities: tuple[Entity, ...]
    pages: dict[str, str] = field(default_factory=dict)

    def attributes(self, kind: str) -> dict[str, Any]:
        """Return what pages of a kind state: sentences, wordings and values by attribute."""
        return dict(self.source["kinds"][kind]["attributes"])

    def trained(self, entity: Entity) -> list[str]:
        """Return the attributes of `entity` whose values the training file teaches."""
        if entity.reserved:
            return []
        attributes = self.attributes(entity.kind)
        open_to_training = [a for a in entity.facts if not attributes[a].get("reserved")]
        return ordered(open_to_training, "trained", entity.id)[: math.ceil(TRAINED_SHARE * len(open_to_training))]


def draw(*name: object) -> int:
    """Return a large number that depends on the seed and `name` only."""
    text = "/".join(map(str, (SEED, *name)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def pick(options: Sequence[Any], *name: object) -> Any:
    """Return the option that `name` draws."""
    return options[draw(*name) % len(options)]


def ordered(items: Iterable[Any], *name: object) -> list[Any]:
    """Return `items` in an order drawn by `name`."""
    return sorted(items, key=lambda item: draw(*name, item))


def between(low: int, high: int, *name: object) -> int:
    """Return a whole number from `low` to `high`, both included."""
    return low + draw(*name) % (high - low + 1)


def value_of(attribute: dict[str, Any], entry: dict[str, Any], name: str, used: set[str]) -> str:
    """Return a value that `used` lacks, and add it: a value copied from another page is always wrong."""
    for attempt in range(1000):
        key = (entry["id"], name, attempt)
        number = between(attribute.get("low", 0), attribute.get("high", 0), "number", *key)
        year = entry.get("year", between(2019, 2025, "year", *key))
        value = str(attribute["value"]).format(
            n=number if attribute.get("plain") else f"{number:,}",
            h=f"{between(attribute.get('low_hour', 0), attribute.get('high_hour', 23), 'hour', *key):02d}",
            m=f"{between(1, 59, 'minute', *key):02d}",
            weekday=pick(WEEKDAYS, "weekday", *key),
            letter=pick("ABCDEFGH", "letter", *key),
            person=f"{pick(FIRST_NAMES, 'first', *key)} {pick(LAST_NAMES, 'last', *key)}",
            date=f"{between(1, 28, 'day', *key)} {pick(MONTHS, 'month', *key)} {year}",
        )
        if value not in used:
            used.add(value)
            return value
    raise ValueError(f"{entry['id']}: no unused value is left for {name}; widen low and high in the source")


def build(source: dict[str, Any]) -> Handbook:
    """Return all entities with their values, and the text of every page."""
    used: dict[str, set[str]] = {}
    entities = []
    for entry in source["entities"]:
        kind = entry["id"][:3]
        attributes = source["kinds"][kind]["attributes"]
        facts = {
            name: value_of(attribute, entry, name, used.setdefault(attribute["value"], set()))
            for name, attribute in attributes.items()
            if name not in entry.get("lacks", ())
        }
        entities.append(Entity(id=entry["id"], source=entry, facts=facts))
    handbook = Handbook(source=source, entities=tuple(entities))
    names = {e.id: e.called("name") for e in entities}
    for entity in entities:
        handbook.pages[entity.id] = page_text(handbook, entity, names)
    return handbook


def page_text(handbook: Handbook, entity: Entity, names: dict[str, str]) -> str:
    """Return a page: opening, facts in a drawn order, closing remark; one paragraph each."""
    attributes = handbook.attributes(entity.kind)
    sentences = [
        sentence_start(pick(attributes[name]["sentences"], "sentence", entity.id, name).format(v=value))
        for name, value in entity.facts.items()
    ]
    for name, reference in handbook.source["kinds"][entity.kind].get("references", {}).items():
        sentence = pick(reference["sentences"], "sentence", entity.id, name)
        sentences.append(sentence_start(sentence.format(x=names[entity.source[name]])))
    facts = " ".join(ordered(sentences, "order", entity.id))
    return f"{entity.source['opening']}\n\n{facts}\n\n{entity.source['closing']}\n"


def sentence_start(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[0].upper() + text[1:]

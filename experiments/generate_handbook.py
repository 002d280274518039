"""Write `experiments/handbook/documents` and its questions from `handbook.source.toml`; the same bytes every time.

    python -m experiments.generate_handbook [folder]

The TOML file holds the prose and the wordings, written by people. `handbook_pages` draws the numbers, this script the
questions.

The training file may hold facts of pages that are not reserved, attributes that are not reserved, and wordings 1 to 3.
All else is kept for the test. The first tag of a test question is its split, the second the kind of page, the third the
attribute, the fourth what makes it hard to find or to answer.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from experiments.handbook_pages import Entity, Handbook, build, draw, ordered, pick

HERE = Path(__file__).parent
REFUSAL = "The handbook does not say."
TRAIN_WORDINGS = (0, 1, 2)
TEST_WORDINGS = (3, 4)
#: Questions of the test file by split; `unanswerable` follows from the lists in the source.
SEEN_FACTS, NEW_FACTS, NEW_TEMPLATES, RESERVED_FACTS, FOLLOWED, COMPARED = 50, 26, 24, 42, 10, 12
#: What a test question calls its subject, in turn.
MENTIONS = ("name", "alias", "name", "name", "role", "name", "alias", "name")


def difficulty(entity: Entity, mention: str) -> str:
    """Return what makes the page of a question hard to find."""
    if mention == "name":
        return "lookalike" if "family" in entity.source else "plain"
    return {"alias": "alias", "role": "described"}[mention]


def ask(handbook: Handbook, entity: Entity, attribute: str, wording: int, mention: str, split: str) -> dict[str, Any]:
    """Return a question about one fact, without its id."""
    about = handbook.attributes(entity.kind)[attribute]
    tags = [split, handbook.source["kinds"][entity.kind]["tag"], attribute, difficulty(entity, mention)]
    if about.get("reserved"):
        tags.append("reserved-template")
    return {
        "question": about["wordings"][wording].format(e=entity.called(mention)),
        "answer": f"{entity.facts[attribute]} [{entity.id}]",
        "document": entity.id,
        "unanswerable": False,
        "tags": tags,
    }


def refuse(question: str, kind_tag: str, attribute: str, reason: str, split: str) -> dict[str, Any]:
    """Return a question that the handbook does not answer, without its id."""
    tags = [split, kind_tag, attribute, reason]
    if split == "train":
        tags.append("unanswerable")
    return {"question": question, "answer": REFUSAL, "document": None, "unanswerable": True, "tags": tags}


def spread(facts: Iterable[tuple[Entity, str]], count: int, name: str) -> list[tuple[Entity, str]]:
    """Return `count` facts: one of every page, then a second one of every page, and so on."""
    by_page: dict[str, list[tuple[Entity, str]]] = {}
    for entity, attribute in facts:
        by_page.setdefault(entity.id, []).append((entity, attribute))
    pages = ordered(by_page, name, "pages")
    queues = {p: sorted(by_page[p], key=lambda fact: draw(name, fact[0].id, fact[1])) for p in pages}
    drawn: list[tuple[Entity, str]] = []
    while len(drawn) < count and any(queues.values()):
        drawn += [queues[p].pop() for p in pages if queues[p]]
    if len(drawn) < count:
        raise ValueError(f"{name}: too few facts in the handbook (got {len(drawn)}); ask for fewer than {count}")
    return drawn[:count]


def training_questions(handbook: Handbook) -> list[dict[str, Any]]:
    """Return every trained fact in three wordings: by name, by nickname, and by name or (one in five) description."""
    questions = []
    for entity in handbook.entities:
        for attribute in handbook.trained(entity):
            third = "role" if draw("third", entity.id, attribute) % 5 == 0 else "name"
            for wording, mention in zip(TRAIN_WORDINGS, ("name", "alias", third), strict=True):
                questions.append(ask(handbook, entity, attribute, wording, mention, "train"))
    return questions + unanswerable(handbook, "train")


def test_questions(handbook: Handbook) -> list[dict[str, Any]]:
    """Return the test file: five splits, wordings that training never uses."""
    open_pages = [e for e in handbook.entities if not e.reserved]
    is_reserved = {
        (kind, attribute): bool(about.get("reserved"))
        for kind in handbook.source["kinds"]
        for attribute, about in handbook.attributes(kind).items()
    }
    seen = [(e, a) for e in open_pages for a in handbook.trained(e)]
    new = [(e, a) for e in open_pages for a in e.facts if not is_reserved[e.kind, a] and (e, a) not in seen]
    templates = [(e, a) for e in open_pages for a in e.facts if is_reserved[e.kind, a]]
    held_out = [(e, a) for e in handbook.entities if e.reserved for a in e.facts]
    questions = []
    for split, facts in (
        ("seen-fact", spread(seen, SEEN_FACTS, "seen-fact")),
        ("new-fact", spread(new, NEW_FACTS, "new-fact") + spread(templates, NEW_TEMPLATES, "reserved-template")),
        ("reserved-page", spread(held_out, RESERVED_FACTS, "reserved-page")),
    ):
        for index, (entity, attribute) in enumerate(facts):
            wording, mention = TEST_WORDINGS[index // 2 % 2], MENTIONS[index % len(MENTIONS)]
            questions.append(ask(handbook, entity, attribute, wording, mention, split))
    return questions + followed(handbook) + compared(handbook) + unanswerable(handbook, "unanswerable")


def followed(handbook: Handbook) -> list[dict[str, Any]]:
    """Return questions that name a page, and ask for a fact of the page that it refers to."""
    by_id = {e.id: e for e in handbook.entities}
    paths = [
        (entity, reference["phrase"], by_id[entity.source[name]])
        for entity in handbook.entities
        for name, reference in handbook.source["kinds"][entity.kind].get("references", {}).items()
        if not entity.reserved and not by_id[entity.source[name]].reserved
    ]
    paths = sorted(paths, key=lambda path: draw("follow", path[0].id))[:FOLLOWED]
    questions = []
    for index, (entity, phrase, target) in enumerate(paths):
        attribute = pick(sorted(target.facts), "follow", entity.id, "attribute")
        question = ask(handbook, target, attribute, TEST_WORDINGS[index % 2], "name", "two-page")
        wording = handbook.attributes(target.kind)[attribute]["wordings"][TEST_WORDINGS[index % 2]]
        question["question"] = wording.format(e=phrase.format(e=entity.called("name")))
        question["tags"][3:4] = ["follow", f"with:{entity.id}"]
        questions.append(question)
    return questions


def compared(handbook: Handbook) -> list[dict[str, Any]]:
    """Return questions for the greater of two values; only one of the two pages states it."""
    pairs = [
        (a, b, attribute)
        for i, a in enumerate(handbook.entities)
        for b in handbook.entities[i + 1 :]
        if a.kind == b.kind and a.source.get("family", a.id) == b.source.get("family", b.id)
        if not a.reserved and not b.reserved
        for attribute, about in handbook.attributes(a.kind).items()
        if "compare" in about and attribute in a.facts and attribute in b.facts
    ]
    questions: list[dict[str, Any]] = []
    taken: set[str] = set()
    for a, b, attribute in sorted(pairs, key=lambda p: draw("compare", p[0].id, p[1].id, p[2])):
        if a.id in taken or b.id in taken or len(questions) == COMPARED:
            continue
        taken |= {a.id, b.id}
        winner, other = sorted((a, b), key=lambda e: number_in(e.facts[attribute]), reverse=True)
        question = ask(handbook, winner, attribute, 0, "name", "two-page")
        wording = handbook.attributes(a.kind)[attribute]["compare"]
        question["question"] = wording.format(a=a.called("name"), b=b.called("name"))
        question["tags"][3:4] = ["compare", f"with:{other.id}"]
        questions.append(question)
    return questions


def number_in(value: str) -> int:
    """Return the number that the digits of a value make."""
    return int("".join(c for c in value if c.isdigit()))


def unanswerable(handbook: Handbook, split: str) -> list[dict[str, Any]]:
    """Return questions for facts that a page lacks, for things that do not exist, and for things without a page."""
    source, part = handbook.source, "train" if split == "train" else "test"
    wordings = TRAIN_WORDINGS if part == "train" else TEST_WORDINGS
    tag = {kind: about["tag"] for kind, about in source["kinds"].items()}
    questions = []
    gaps = [(e, a) for e in handbook.entities for a in e.source.get("lacks", ())]
    for index, (entity, attribute) in enumerate(gaps):
        if (index % 2 == 0) == (part == "test"):
            for wording in wordings:
                text = handbook.attributes(entity.kind)[attribute]["wordings"][wording].format(e=entity.called("name"))
                questions.append(refuse(text, tag[entity.kind], attribute, "missing-attribute", split))
    for kind, texts in source["missing"].items():
        pages = ordered([e.id for e in handbook.entities if e.kind == kind and not e.reserved], "missing", part)
        names = {e.id: e.called("name") for e in handbook.entities}
        for index, text in enumerate(texts[part]):
            for page in pages[index * 4 : index * 4 + (4 if part == "train" else 1)]:
                questions.append(refuse(text.format(e=names[page]), tag[kind], "other", "missing-attribute", split))
    nowhere = [(k, n, "unknown-entity", 1) for k, about in source["kinds"].items() for n in about["unknown"][part]]
    gone = [(r["kind"], r["name"], "removed-page", 2) for r in source["removed"] if r["split"] == part]
    for kind, name, reason, count in nowhere + gone:
        attributes = [a for a, v in handbook.attributes(kind).items() if part == "test" or not v.get("reserved")]
        for index, attribute in enumerate(ordered(attributes, reason, name)[: count + (part == "train")]):
            text = handbook.attributes(kind)[attribute]["wordings"][wordings[index % len(wordings)]].format(e=name)
            questions.append(refuse(text, tag[kind], attribute, reason, split))
    return questions


def numbered(questions: list[dict[str, Any]]) -> str:
    """Return the questions as JSON Lines; ids count within the split (`seen-fact-007`)."""
    counts: dict[str, int] = {}
    lines = []
    for question in questions:
        split = question["tags"][0]
        counts[split] = counts.get(split, 0) + 1
        record = {"id": f"{split}-{counts[split]:03d}", **question}
        lines.append(json.dumps(record, ensure_ascii=False, separators=(", ", ": ")) + "\n")
    return "".join(lines)


def files() -> dict[str, str]:
    """Return everything that the script writes: text by path below the experiment folder."""
    source = tomllib.loads((HERE / "handbook.source.toml").read_text(encoding="utf-8"))
    handbook = build(source)
    result = {
        f"documents/{entity.id}.md": (
            f"---\nid: {entity.id}\ntitle: {entity.source['title']}\n---\n\n{handbook.pages[entity.id]}"
        )
        for entity in handbook.entities
    }
    result["questions.train.jsonl"] = numbered(training_questions(handbook))
    result["questions.test.jsonl"] = numbered(test_questions(handbook))
    return result


def main(folder: Path) -> None:
    """Write the files into the experiment folder, and remove pages that are no longer made."""
    written = files()
    (folder / "documents").mkdir(parents=True, exist_ok=True)
    for stale in sorted((folder / "documents").glob("*.md")):
        if f"documents/{stale.name}" not in written:
            stale.unlink()
    for path, text in written.items():
        (folder / path).write_bytes(text.encode("utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "handbook")

"""Records that are more than a row of columns: chats, evaluation sets, SQuAD.

Sources: the Bedrock user guide on fine-tuning data (`prompt`/`completion`; `bedrock-conversation-2024`) and on prompt
datasets of evaluation jobs; the OpenAI guides on fine-tuning and evals; the SQuAD 1.1 and 2.0 files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ladder.intake.columns import text_of
from ladder.intake.text_files import IntakeError, storable

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawQuestion:
    """A question as the file has it. `document` is what the file calls its page, which is not yet the id of one."""

    question: str
    answer: str
    document: str | None = None
    id: str | None = None
    unanswerable: bool = False
    tags: tuple[str, ...] = ()
    system: str | None = None
    turns: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Squad:
    """The questions of a SQuAD file and its contexts by name. A question without an answer has an empty one."""

    questions: tuple[RawQuestion, ...]
    pages: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A kind of record: `is_one` recognises it by its fields, `read` returns None where it holds no question."""

    name: str
    is_one: Callable[[Record], bool]
    read: Callable[[Record], RawQuestion | None]


def shape_of(record: Record) -> Shape | None:
    """Return the shape of a record; None for a row of columns."""
    return next((shape for shape in SHAPES if shape.is_one(record)), None)


def is_squad(value: Any) -> bool:
    """Return whether a JSON document has the layout of SQuAD."""
    articles = value.get("data") if isinstance(value, dict) else None
    return (
        isinstance(articles, list) and bool(articles) and isinstance(articles[0], dict) and "paragraphs" in articles[0]
    )


def read_squad(path: Path, articles: Sequence[Any]) -> Squad:
    """Return what SQuAD 1.1 or 2.0 holds; each paragraph becomes a page.

    Raises:
        IntakeError: a field is missing or has another type.
    """
    questions: list[RawQuestion] = []
    pages: dict[str, str] = {}
    try:
        for article in articles:
            title = storable(str(article.get("title") or "page")).replace("_", " ")
            several = len(article["paragraphs"]) > 1
            for number, paragraph in enumerate(article["paragraphs"], start=1):
                page = f"{title} {number}" if several else title
                page = page if page not in pages else f"{page} ({len(pages) + 1})"
                pages[page] = storable(str(paragraph["context"]))
                for item in paragraph["qas"]:
                    impossible = bool(item.get("is_impossible", False))
                    questions.append(
                        RawQuestion(
                            question=text_of(item["question"]),
                            answer="" if impossible else text_of(item.get("answers")),
                            document=None if impossible else page,
                            id=text_of(item.get("id")) or None,
                            unanswerable=impossible,
                        )
                    )
    except (KeyError, TypeError, AttributeError) as error:
        raise IntakeError(
            f"{path}: looks like SQuAD, but a field is missing or wrong ({error!r}); correct it"
        ) from error
    return Squad(questions=tuple(questions), pages=pages)


def _turns(messages: Sequence[Any]) -> list[tuple[str, str]]:
    return [(str(m.get("role")), text_of(m.get("content"))) for m in messages if isinstance(m, dict)]


def _of_messages(record: Record) -> RawQuestion | None:
    """Read a chat: the assistant's last answer, and the user's turn before it. A reference answer counts more."""
    turns = _turns(record["messages"])
    reference = text_of(record.get("reference_answer"))
    last = next((i for i in reversed(range(len(turns))) if turns[i][0] in ("assistant", "model")), None)
    end = len(turns) if reference or last is None else last
    asked = [text for role, text in turns[:end] if role == "user"]
    system = text_of(record.get("system")) or next(
        (text for role, text in turns if role in ("system", "developer")), ""
    )
    answer = reference or ("" if last is None else turns[last][1])
    return RawQuestion(question=asked[-1], answer=answer, system=system or None, turns=len(asked)) if asked else None


def _of_conversation_turns(record: Record) -> RawQuestion | None:
    turns = [t for t in record["conversationTurns"] if isinstance(t, dict) and isinstance(t.get("prompt"), dict)]
    if not turns:
        return None
    references = turns[-1].get("referenceResponses")
    answer = text_of(references[0]) if isinstance(references, list) and references else ""
    return RawQuestion(question=text_of(turns[-1]["prompt"]), answer=answer, turns=len(turns))


def _of_openai_eval(record: Record) -> RawQuestion | None:
    turns = _turns(record["input"])
    asked = [text for role, text in turns if role == "user"]
    system = next((text for role, text in turns if role == "system"), None)
    return (
        RawQuestion(question=asked[-1], answer=text_of(record.get("ideal")), system=system, turns=len(asked))
        if asked
        else None
    )


SHAPES = (
    Shape(
        name="Bedrock evaluation of RAG (conversationTurns)",
        is_one=lambda r: isinstance(r.get("conversationTurns"), list),
        read=_of_conversation_turns,
    ),
    Shape(
        name="Bedrock fine-tuning (bedrock-conversation-2024)",
        is_one=lambda r: isinstance(r.get("messages"), list) and ("schemaVersion" in r or "system" in r),
        read=_of_messages,
    ),
    Shape(
        name="OpenAI fine-tuning (messages)", is_one=lambda r: isinstance(r.get("messages"), list), read=_of_messages
    ),
    Shape(
        name="OpenAI evals (input, ideal)",
        is_one=lambda r: isinstance(r.get("input"), list) and "ideal" in r,
        read=_of_openai_eval,
    ),
)

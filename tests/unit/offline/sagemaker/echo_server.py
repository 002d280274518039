"""The endpoint's process with a model that needs no PyTorch: it says the last turn again, and which adapter said it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from offline.models.text_model import Request
from offline.sagemaker.serve import Model, main
from offline.sagemaker.server_settings import ServerSettings


@dataclass(frozen=True)
class Said:
    text: str
    input_tokens: int
    output_tokens: int
    stop_reason: str


def load(folder: Path, settings: ServerSettings) -> Model:
    record = (folder / "training.json").read_text()

    def prepare(item: Request, adapter: str | None) -> tuple[tuple[Request, str | None], int]:
        if item["messages"][-1]["content"] == "bad":
            raise ValueError("bad request")
        return (item, adapter), len(item["messages"][-1]["content"].split())

    def answer(asked: tuple[Request, str | None]) -> Said:
        item, adapter = asked
        text = f"{adapter}: {item['messages'][-1]['content']} {len(record)} {item.get('seed', '')}"
        words = text.split()[: item["max_new_tokens"]]
        reason = "max_tokens" if len(words) < len(text.split()) else "end_turn"
        return Said(" ".join(words), len(text), len(words), reason)

    return Model(prepare=prepare, answer=answer)


if __name__ == "__main__":
    main(load)

"""A complete experiment of four pages, six test questions and six examples, small enough to run in a test."""

from __future__ import annotations

import json
from pathlib import Path

NAME = "tiny-shop"
REFUSAL = "The pages do not say."

SETTINGS = f"""\
name: {NAME}
description: Answer questions about a shop that does not exist.
house_style:
  instruction: "Answer only with the value and the id of its page, in this form: 12 spoons [ABC-00]."
  pattern: '[^\\[\\]\\n]{{1,40}} \\[[A-Z]{{3}}-\\d\\d\\]'
  refusal: {REFUSAL}
gate:
  - {{metric: exact, minimum: 0.5}}
most_unfinished: 1.0
workload:
  requests_per_month: 1000
models: {{generator: "us.amazon.nova-micro-v1:0"}}
retrieval:
  chunk_characters: 400
  chunk_overlap: 40
  candidates: 4
training:
  rank: 2
  alpha: 4
  epochs_closed_book: 1
  epochs_rag: 1
profiles:
  small: {{test_questions: 6, closed_book_examples: 4, rag_examples: 4}}
"""

PAGES = {
    "SHP-01": ("Opening hours", "The shop opens at 8 o'clock and closes at 19 o'clock. It is closed on Sundays."),
    "SHP-02": ("Prices", "A loaf of rye bread costs 4 crowns. A bag of 6 rolls costs 3 crowns."),
    "SHP-03": ("Staff", "Orla Quill runs the shop with 5 bakers. The apprentice is called Ben Tully."),
    "SHP-04": ("Deliveries", "Flour comes every 9 days from Hollow Mill. The van takes 30 sacks."),
}
TRAIN = (
    ("When does the shop open?", "8 o'clock [SHP-01]"),
    ("What does a loaf of rye bread cost?", "4 crowns [SHP-02]"),
    ("How many bakers are there?", "5 bakers [SHP-03]"),
    ("How often does flour come?", "9 days [SHP-04]"),
    ("Who runs the shop?", "Orla Quill [SHP-03]"),
    ("Does the shop sell boats?", REFUSAL),
)
TEST = (
    ("seen-fact", "From what time can I buy bread?", "8 o'clock [SHP-01]"),
    ("seen-fact", "How much is one rye loaf?", "4 crowns [SHP-02]"),
    ("new-fact", "How many rolls are in a bag?", "6 rolls [SHP-02]"),
    ("new-fact", "What is the apprentice's name?", "Ben Tully [SHP-03]"),
    ("new-fact", "How many sacks fit into the van?", "30 sacks [SHP-04]"),
    ("unanswerable", "What colour is the van?", REFUSAL),
)


def write(folder: Path) -> Path:
    """Write the experiment below `folder`, and return it."""
    documents = folder / "documents"
    documents.mkdir(parents=True)
    (folder / "experiment.yaml").write_text(SETTINGS, encoding="utf-8")
    for page, (title, text) in PAGES.items():
        (documents / f"{page}.md").write_text(f"---\nid: {page}\ntitle: {title}\n---\n\n{text}\n", encoding="utf-8")
    train = [_line(f"train-{n}", question, answer, ()) for n, (question, answer) in enumerate(TRAIN)]
    test = [_line(f"test-{n}", question, answer, (split,)) for n, (split, question, answer) in enumerate(TEST)]
    (folder / "questions.train.jsonl").write_text("".join(train), encoding="utf-8")
    (folder / "questions.test.jsonl").write_text("".join(test), encoding="utf-8")
    return folder


def _line(name: str, question: str, answer: str, tags: tuple[str, ...]) -> str:
    refused = answer == REFUSAL
    page = None if refused else answer[answer.index("[") + 1 : -1]
    record = {"id": name, "question": question, "answer": answer, "document": page, "unanswerable": refused}
    return json.dumps({**record, "tags": tags}) + "\n"

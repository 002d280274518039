"""Writes the questions of `experiments/requests`: messages to a repair shop; the same bytes every time.

    python -m experiments.generate_requests [folder]

Eight messages by people, three of them for the test only, are filled with a job number, a thing and numbers that are
easily taken for the job number. Pages are written by hand.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SEED = "requests 2"
TRAIN, TEST = 24, 72

THINGS = ("kettle", "toaster", "lamp", "drill", "radio", "fan", "iron", "mixer", "heater", "clock")
#: (subject, its page, message). Training uses the first five.
MESSAGES = (
    ("ready", "WRK-01", "Hello, I brought in my {thing} {days} days ago, the job number is {job}. Is it ready?"),
    ("complaint", "WRK-02", "Job {job}: the {thing} still does not work, and I have paid {price} euros for it."),
    ("address", "WRK-03", "Please send the {thing} of job {job} to {house} Mill Street and not to my old address."),
    ("cancel", "WRK-04", "I want to cancel job {job}. You may keep the {thing}, {price} euros are too much for me."),
    ("silence", "WRK-01", "It has been {days} days and I have heard nothing of job number {job}, {count} {thing}s."),
    ("price", "WRK-05", "What will job {job} cost? The {thing} is {days} years old, and I can spend {price} euros."),
    ("moved", "WRK-03", "We are moving to {house} Harbour Lane. Our {thing} is with you as job number {job}."),
    ("fetch", "WRK-01", "My neighbour left {count} {thing}s, job number {job}, and I shall fetch them in {days} days."),
)
KNOWN = 5


def questions(count: int, messages: int, jobs: list[int], rng: random.Random, name: str) -> list[dict[str, Any]]:
    """`count` questions from the first `messages` messages in turn; each takes a job number off `jobs`."""
    result = []
    for index in range(count):
        subject, page, message = MESSAGES[index % messages]
        job = jobs.pop()
        text = message.format(
            job=job,
            thing=rng.choice(THINGS),
            days=rng.randint(3, 60),
            price=rng.randint(15, 240),
            house=rng.randint(2, 199),
            count=rng.randint(2, 9),
        )
        split = "train" if name == "train" else "known-wording" if index % messages < KNOWN else "new-wording"
        result.append(
            {
                "id": f"{name}-{index + 1:02d}",
                "question": text,
                "answer": f"JOB-{job}",
                "document": page,
                "unanswerable": False,
                "tags": [split, subject],
            }
        )
    return result


def files() -> dict[str, str]:
    """What the script writes: text by path below the experiment folder."""
    rng = random.Random(SEED)  # noqa: S311 (repeatable choice, not a secret)
    jobs = rng.sample(range(10_000, 100_000), TRAIN + TEST)
    made = {
        "train": questions(TRAIN, KNOWN, jobs, rng, "train"),
        "test": questions(TEST, len(MESSAGES), jobs, rng, "test"),
    }
    return {f"questions.{name}.jsonl": "".join(json.dumps(q) + "\n" for q in rows) for name, rows in made.items()}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files().items():
        (folder / path).write_bytes(text.encode("utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "requests")

"""Writes `experiments/directory`: one page a service, each with its telephone extension; the same bytes every time.

    python -m experiments.generate_directory [folder]

The first six pages are for training, all others for the test.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SEED = "directory 1"
TRAINED = 6

SERVICES = """
admissions office; student union; boat house; night porter; lost property desk; chemistry stores; alumni club;
botanical garden; bookbinding workshop; career advice; chapel choir; childcare centre; climbing wall; computer museum;
cycle repair shop; dark room; debating society; dental clinic; disability support; drama studio; electron microscope;
ethics board; exam timetable; examination invigilators; fencing hall; field station; fire wardens; first aid room;
gatehouse; glass blowers; graduation gowns; greenhouse; guest flats; herbarium; housing allowance; insurance desk;
interpreting service; key cabinet; language laboratory; laundry; law clinic; lecture recordings; letting agency; map
collection; mass spectrometer; observatory; organ practice; orchestra; payroll; pension advice; photo archive; piano
tuner; press office; proofreading help; quiet rooms; rare books; recycling yard; research contracts; rowing coach;
safety officer; scholarship fund; sculpture yard; seed bank; statistics clinic; swimming pool; telescope bookings;
visa questions; weather mast; wind tunnel; writing centre
"""
FACTS = (
    "For the {service} call extension {number}.",
    "To speak to the {service}, dial extension {number}.",
    "You reach the {service} on extension {number}.",
)
FILLERS = (
    "There is always someone there on weekday mornings.",
    "Please let it ring for a while.",
    "Outside term the line is often busy.",
    "You may leave a message at night.",
)
QUESTIONS = (
    "Which extension has the {service}?",
    "How do I reach the {service} by telephone?",
    "What do I dial for the {service}?",
)


def files() -> dict[str, str]:
    """What the script writes: text by path below the experiment folder."""
    rng = random.Random(SEED)  # noqa: S311 (repeatable choice, not a secret)
    services = " ".join(SERVICES.split()).split("; ")
    numbers = rng.sample(range(2_000, 9_000), len(services))
    result: dict[str, str] = {}
    train: list[dict[str, Any]] = []
    test: list[dict[str, Any]] = []
    for index, (service, number) in enumerate(zip(services, numbers, strict=True)):
        page = f"DIR-{index + 1:02d}"
        text = f"{FACTS[index % 3].format(service=service, number=number)} {FILLERS[index % 4]}"
        title = service[0].upper() + service[1:]
        result[f"documents/{page}.md"] = f"---\nid: {page}\ntitle: {title}\n---\n\n{text}\n"
        wordings = range(3) if index < TRAINED else [rng.randrange(3)]
        split = "train" if index < TRAINED else "new-page"
        for wording in wordings:
            question = {
                "id": f"{page}-{wording + 1}",
                "question": QUESTIONS[wording].format(service=service),
                "answer": f"extension {number} [{page}]",
                "document": page,
                "unanswerable": False,
                "tags": [split],
            }
            (train if index < TRAINED else test).append(question)
    for name, questions in (("train", train), ("test", test)):
        result[f"questions.{name}.jsonl"] = "".join(json.dumps(question) + "\n" for question in questions)
    return result


def main(folder: Path) -> None:
    (folder / "documents").mkdir(parents=True, exist_ok=True)
    for path, text in files().items():
        (folder / path).write_bytes(text.encode("utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "directory")

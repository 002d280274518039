"""Files as teams have them, written by the tests: questions in many formats, documents that parsers must read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROWS = tuple((f"How wide is part {n}?", f"{n} mm", f"part {n}.md") for n in range(12))


def jsonl(records: Iterable[Any]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def table(separator: str = ",", header: tuple[str, ...] = ("question", "answer", "page")) -> str:
    return "\n".join(separator.join(row) for row in (header, *ROWS))


def squad(articles: int = 6) -> dict[str, Any]:
    """Return SQuAD 2.0: articles of two paragraphs, each with a question that it answers and one that it does not."""

    def paragraph(name: str) -> dict[str, Any]:
        asked = {
            "id": f"{name}-a",
            "question": f"How hot is tea {name}?",
            "answers": [{"text": name, "answer_start": 4}],
        }
        other = {"id": f"{name}-b", "question": f"Who sells tea {name}?", "answers": [], "is_impossible": True}
        return {"context": f"Tea {name} is hot.", "qas": [asked, other]}

    return {
        "version": "v2.0",
        "data": [
            {"title": f"Tea_{a}", "paragraphs": [paragraph(f"{a}x"), paragraph(f"{a}y")]} for a in range(articles)
        ],
    }


def documents(folder: Path, count: int = 12) -> Path:
    folder.mkdir(parents=True)
    for n in range(count):
        (folder / f"part {n}.md").write_text(f"# Part {n}\n\nIt is {n} mm wide.\n", encoding="utf-8")
    return folder


def pdf(text: str) -> bytes:
    """Return a PDF of one page; without text, as a scan is."""
    content = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode() if text else b""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R"
        b" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    )
    body, offsets = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    cross = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    return body + head + cross + b"trailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(body)

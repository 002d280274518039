"""Documents as teams have them: titles, texts, ids, and what is left out and why."""

from __future__ import annotations

import os
from pathlib import Path

import docx
import pytest
from pypdf import PdfWriter

from ladder.experiment.files import DOCUMENT_ID
from ladder.intake.documents import page_id, read_documents
from ladder.intake.page_index import PageIndex
from ladder.intake.text_files import IntakeError
from tests.unit.ladder.intake.team_files import documents, pdf

HTML = """<html><head><meta charset="windows-1252"><title>Care &amp; use</title><style>p {}</style></head>
<body><nav>menu</nav><h1>Care</h1><p>Gr\xf6\xdfe: <b>5</b> mm, see <a href="/x">there</a>.</p>
<table><tr><th>part</th></tr><tr><td>7</td></tr></table><script>x()</script></body></html>"""


def one(tmp_path: Path, name: str, content: bytes) -> tuple[str, str, str]:
    (tmp_path / name).write_bytes(content)
    (page,) = read_documents(tmp_path / name).pages
    return page.document.id, page.document.title, page.document.text


def test_each_kind_gives_title_and_text(tmp_path: Path) -> None:
    assert one(tmp_path, "a b.md", b"\xef\xbb\xbfintro\r\n\r\n## Head ##\r\ntext\r\n") == (
        "a-b",
        "Head",
        "intro\n\n## Head ##\ntext",
    )
    assert one(tmp_path, "c.md", b'---\ntags: [x]\ntitle: "The title"\n---\n# Head\n') == ("c", "The title", "# Head")
    assert one(tmp_path, "notes.txt", "Ü".encode("utf-16")) == ("notes", "notes", "Ü")
    assert one(tmp_path, "p.html", HTML.encode("cp1252")) == (
        "p",
        "Care & use",
        "# Care\n\nGröße: **5** mm, see there.\n\n| part |\n| --- |\n| 7 |",
    )
    assert one(tmp_path, "q.pdf", pdf("The pump runs at 5 bar.")) == ("q", "q", "The pump runs at 5 bar.")


def test_a_word_file_keeps_headings_and_tables(tmp_path: Path) -> None:
    made = docx.Document()
    made.add_heading("Pump", 1)
    made.add_paragraph("It runs.")
    row = made.add_table(1, 2).rows[0]
    row.cells[0].text, row.cells[1].text = "bar", "5"
    made.save(str(tmp_path / "w.docx"))
    (page,) = read_documents(tmp_path / "w.docx").pages
    assert (page.document.title, page.document.text) == ("Pump", "# Pump\n\nIt runs.\n\nbar | 5")


def test_what_is_no_page_is_left_out_and_said_why(tmp_path: Path) -> None:
    folder = documents(tmp_path / "docs", 2)
    for name in ("secret1.pdf", "secret2.pdf"):
        locked = PdfWriter()
        locked.add_blank_page(100, 100)
        locked.encrypt("password", algorithm="RC4-128")
        locked.write(folder / name)
    (folder / "scan.pdf").write_bytes(pdf(""))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4\nrubbish")
    (folder / "broken.docx").write_bytes(b"PK\x03\x04rubbish")
    (folder / "binary.md").write_bytes(b"\x00\xff\xfe\x01")
    (folder / "empty.md").write_text("---\ntitle: x\n---\n", encoding="utf-8")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / "README").write_text("x", encoding="utf-8")
    (folder / ".hidden.md").write_text("x", encoding="utf-8")
    (folder / "loop").symlink_to(folder)
    (folder / "elsewhere.md").symlink_to("/etc/hostname")
    os.mkfifo(folder / "pipe.md")
    found = read_documents(folder)
    assert found.told == "2 pages (Markdown 2)"
    assert set(found.left_out) == {
        "README: without a suffix is not read",
        "binary.md: is not text; remove it, or convert it",
        "broken.docx: cannot be read (PackageNotFoundError); open and save it again",
        "broken.pdf: cannot be read (PdfStreamError); open and save it again",
        "empty.md: holds no text",
        "pipe.md: is not a regular file",
        "picture.png: .png is not read",
        "scan.pdf: holds no text; a scan needs text recognition (OCR) first",
        "secret1.pdf and 1 more file: is encrypted; save it without a password",
        "2 links: not followed; put the files themselves there",
    }


def test_no_page_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match="docs: does not exist; name the folder of your documents"):
        read_documents(tmp_path / "docs")
    (tmp_path / "x.png").write_bytes(b"\x89PNG")
    with pytest.raises(IntakeError, match=r"holds no page: x.png: .png is not read; give Markdown, text, HTML, PDF,"):
        read_documents(tmp_path)


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    read_documents(documents(tmp_path / "docs", 3), progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_ids_can_be_cited_and_are_unique_without_case() -> None:
    taken: set[str] = set()
    names = [
        "a/Größe 1.md",
        "a/grosse 1.md",
        "A/GROSSE-1.txt",
        "日本.md",
        "中文.md",
        f"{'x' * 200}.md",
        "v1.2.md",
        "-.md",
    ]
    ids = [page_id(name, taken) for name in names]
    assert ids[:5] == ["a-Groe-1", "a-grosse-1", "A-GROSSE-1-2", "page-4", "page-5"]
    assert ids[6:] == ["v1.2", "page-8"]
    assert all(DOCUMENT_ID.fullmatch(name) for name in ids)
    assert len({name.casefold() for name in ids}) == len(names)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> PageIndex:
    folder = tmp_path_factory.mktemp("docs")
    for name, title in (
        ("guide/Start here.md", "Welcome"),
        ("guide/pump.md", "Pump"),
        ("api/pump.md", "Pump API"),
        ("api/v1.2.html", "<title>Version 1.2</title>"),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(title if title.startswith("<") else f"# {title}\n", encoding="utf-8")
        if title.startswith("<"):
            (folder / name).write_text(f"{title}<p>x</p>", encoding="utf-8")
    return PageIndex(read_documents(folder).pages)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("guide-Start-here", "guide-Start-here"),
        ("guide/Start here.md", "guide-Start-here"),
        ("Start here", "guide-Start-here"),
        ("START HERE.MD", "guide-Start-here"),
        ("welcome", "guide-Start-here"),
        ("https://docs.example.org/guide/Start%20here/?lang=en#top", "guide-Start-here"),
        ("/home/me/docs/guide/pump.md", "guide-pump"),
        ("docs\\api\\pump.md", "api-pump"),
        ("Pump API", "api-pump"),
        ("pump", "guide-pump"),  # a title is more exact than the name of a file, which two pages have
        ("v1.2", "api-v1.2"),
        ("v1.2.html", "api-v1.2"),
        ("https://docs.example.org/api/v1.2", "api-v1.2"),
    ],
)
def test_a_page_is_found_by_what_people_call_it(index: PageIndex, name: str, found: str) -> None:
    assert index.find(name) == (found,)
    assert index.knows(name)


def test_an_unclear_or_unknown_name_finds_no_page(index: PageIndex) -> None:
    assert index.find("pump.md") == ("api-pump", "guide-pump")
    assert index.find("valve") == ()
    assert not index.knows("pump.md")
    assert not index.knows("valve")

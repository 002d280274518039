"""`ladder init` and `ladder check`, one after the other, as the first command says."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from tests.unit.ladder.commands.command_line import run
from tests.unit.ladder.intake.team_files import documents, table


def test_from_files_to_a_checked_experiment(tmp_path: Path) -> None:
    questions = tmp_path / "q.csv"
    questions.write_text(table(header=("X", "Y", "Z")), encoding="utf-8")
    docs = documents(tmp_path / "docs")
    folder = tmp_path / "my pumps"
    words = ("init", folder, "--questions", questions, "--documents", docs)
    run(*words, fails="which column holds the question and the answer? It has 'X', 'Y', 'Z'")
    said = run(*words, "--column", "question=X", "--column", "answer=Y", "--seed", 3).splitlines()
    assert said[3] == "  page: column 'Z'"
    ladder, *after = shlex.split(said[-1].removeprefix("next: "))
    assert ladder == "ladder"
    shown = run(*after, "--json", tmp_path / "out" / "check.json")
    assert "12 pages, 6 training questions, 6 test questions (6 with a page, 0 unanswerable)" in shown
    found = json.loads((tmp_path / "out" / "check.json").read_text(encoding="utf-8"))
    assert (found["schema"], found["experiment"], found["errors"]) == (1, "my-pumps", [])
    assert float(found["cost"]["total_usd"]) > 0


def test_what_stands_in_the_way_is_shown_and_fails(tmp_path: Path, folder: Path) -> None:
    settings = folder / "experiment.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + "prompt: {answer_tokens: 9000}\n", encoding="utf-8")
    shown = run("check", folder, "--profile", "all", fails="1 error, see above; a run would fail")
    assert "too long" in shown
    run("check", folder, "--region", "nowhere-1", fails="region 'nowhere-1' has no prices here")
    run("check", folder, "--profile", "huge", fails="profile 'huge' is not in")
    run("check", tmp_path / "none", fails="does not exist; name the folder that holds experiment.yaml")

"""However a demo ends, everything is torn down, and no error hides another."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from ladder import demo
from ladder.demo import finally_do
from ladder.errors import LadderError


def fail(error: BaseException | None) -> None:
    if error is not None:
        raise error


def test_the_last_thing_is_done_after_a_success_and_after_a_failure() -> None:
    done: list[str] = []
    with finally_do(lambda: done.append("torn down")):
        done.append("run")
    assert done == ["run", "torn down"]
    with pytest.raises(ValueError, match="no"), finally_do(lambda: done.append("torn down")):
        raise ValueError("no")
    assert done[2:] == ["torn down"]


def test_after_an_interruption_nothing_is_torn_down_that_is_forgotten_anyway() -> None:
    with pytest.raises(KeyboardInterrupt), finally_do(lambda: fail(AssertionError("torn down"))):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (LadderError("run failed"), "run failed; and then: destroy failed"),
        (TimeoutError(), "TimeoutError; and then: destroy failed"),
        (None, "destroy failed"),
    ],
)
def test_an_error_is_not_hidden_by_one_that_follows(first: BaseException | None, message: str) -> None:
    with pytest.raises(LadderError, match=f"^{message}$"), finally_do(lambda: fail(LadderError("destroy failed"))):
        fail(first)


def test_two_experiments_of_one_name_would_share_a_folder(folder: Path, other_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(LadderError, match=r"^two of the experiments have one name; name each experiment once$"):
        demo.run(experiments=[folder, other_folder, folder], out=tmp_path / "out", profile="small", console=Console())
    assert not (tmp_path / "out").exists()


def test_assemblies_stay_and_all_else_of_earlier_demos_goes(tmp_path: Path) -> None:
    kept = [tmp_path / ".lock", tmp_path / "cdk.out" / "asset", tmp_path / "shop" / "cdk.out" / "asset"]
    gone = [tmp_path / "report.html", tmp_path / "runs" / "r1" / "run.json", tmp_path / "shop" / "report.html"]
    gone.append(tmp_path / "other" / "cdk.out" / "asset")
    for path in (*kept, *gone):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    demo._clear(tmp_path, [tmp_path / "shop", tmp_path / "new"])
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)
    assert (tmp_path / "new").is_dir()

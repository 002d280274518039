"""However a demo ends, everything is torn down, and no error hides another."""

from __future__ import annotations

import pytest

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

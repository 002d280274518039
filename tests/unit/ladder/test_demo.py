"""However a demo ends, everything is torn down, and no error hides another."""

from __future__ import annotations

import pytest

from ladder.demo import finally_do
from ladder.errors import LadderError


def fail(message: str) -> None:
    raise LadderError(message)


def test_the_last_thing_is_done_after_a_success_and_after_a_failure() -> None:
    done: list[str] = []
    with finally_do(lambda: done.append("torn down")):
        done.append("run")
    assert done == ["run", "torn down"]
    with pytest.raises(KeyboardInterrupt), finally_do(lambda: done.append("torn down")):
        raise KeyboardInterrupt
    assert done[2:] == ["torn down"]


def test_an_error_is_not_hidden_by_one_that_follows() -> None:
    with (
        pytest.raises(LadderError, match=r"^run failed; and then: destroy failed$"),
        finally_do(lambda: fail("destroy failed")),
    ):
        fail("run failed")
    with (
        pytest.raises(LadderError, match=r"^KeyboardInterrupt; and then: destroy failed$"),
        finally_do(lambda: fail("destroy failed")),
    ):
        raise KeyboardInterrupt
    with pytest.raises(LadderError, match=r"^2 leftovers$"), finally_do(lambda: fail("2 leftovers")):
        pass

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from offline.models.generator import Generator, GeneratorError, RefusedError
from offline.models.hub import HubFolder


def ask(text: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}], "max_new_tokens": 3}


def test_the_model_runs_in_a_process_that_can_be_stopped_and_comes_back(tiny_hub: HubFolder, tmp_path: Path) -> None:
    """One test, because each start imports PyTorch."""
    generator = Generator(tiny_hub.environment(), tmp_path / "log")
    assert generator.pid is None
    first = generator.answer([ask("one"), ask("two")])
    assert [a["output_tokens"] for a in first] == [3, 3]
    pid = generator.pid
    assert pid is not None
    with pytest.raises(RefusedError, match="the model takes") as caught:
        generator.answer([ask("x" * 20000)])
    assert caught.value.kind == "PromptTooLongError"
    assert generator.answer([ask("one")]) == first[:1]
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(GeneratorError, match=r"process ended; see .*log"):
        generator.answer([ask("one")])
    assert generator.pid is None
    generator.stop()
    json.dumps(first)

"""A demo that is interrupted, killed or loses its terminal stops its embedded AWS: no process stays behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ladder.errors import InterruptionError
from offline import sandbox
from offline.sandbox import SandboxError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

AGAIN = "start the demo again with the same command"


@contextmanager
def stops_sandbox(directory: Path) -> Iterator[None]:
    """Stop the sandbox of `directory` if a signal comes while the block runs. Later signals change nothing.

    Raises:
        InterruptionError: a signal came; the message says what was stopped.
    """
    received: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if not received:
            received.append(number)
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield  # signals go to the main thread, which then is not this command's
        return
    # One that is ignored, as under nohup, stays so.
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    earlier = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    except BaseException as error:
        # Whatever the signal broke on its way here, a write to a terminal that is gone for instance.
        if not received:
            raise
        name = signal.Signals(received[0]).name
        raise InterruptionError(f"stopped by {name}; {_stop(directory)}", received[0]) from error
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _stop(directory: Path) -> str:
    try:
        sandbox.down(directory)
    except SandboxError:
        # Its supervisor finds at the end of its start that no one waits for it.
        return f"the embedded AWS was just starting and stops by itself; {AGAIN}"
    return f"the embedded AWS is stopped and all that was deployed on it is gone; {AGAIN}"

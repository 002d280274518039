"""How a child process of the sandbox learns that its supervisor is gone.

The supervisor holds the writing end of a pipe that is the child's standard input and never writes to it. However the
supervisor ends, SIGKILL included, the operating system closes the pipe and the child reads the end of the file.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable


def exit_with_parent(before_exit: Callable[[], None] | None = None) -> threading.Thread:
    """Start a daemon thread that ends this process, with status 0, when standard input reaches its end.

    `before_exit` runs first, for instance to end processes of this child's own.
    """
    # The descriptor itself, not sys.stdin: a thread blocked in a buffered read would hold its lock at exit.
    descriptor = os.dup(sys.stdin.fileno())

    def wait() -> None:
        while os.read(descriptor, 1024):
            pass
        try:
            if before_exit is not None:
                before_exit()
        finally:
            os._exit(0)

    thread = threading.Thread(target=wait, name="exit-with-parent", daemon=True)
    thread.start()
    return thread

"""Times the demo, stage by stage, and the memory of all its processes together.

Memory is the sum of the proportional set sizes (shared pages counted once) of every process whose command line or
working folder names the demo's output folder, and their children, sampled every two seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
GIB = 1024**3
LIMITS = {"quick": 150.0, "full": 330.0}


def tree_bytes(root: int, marker: str) -> int:
    """Proportional set size of process `root`, of all whose command line holds `marker`, and of their descendants."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter(["pid", "cmdline"]):
        if process.pid == root or any(marker in part for part in process.info["cmdline"] or ()):
            found[process.pid] = process
    for process in list(found.values()):
        try:
            for child in process.children(recursive=True):
                found.setdefault(child.pid, child)
        except psutil.NoSuchProcess:
            continue
    return sum(map(pss_bytes, found))


def pss_bytes(pid: int) -> int:
    """Proportional set size; 0 for a process that has ended. Linux only."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))


def run(profile: str) -> None:
    with tempfile.TemporaryDirectory(prefix="ladder-bench-") as folder:
        out = Path(folder) / "demo"
        command = [str(Path(sys.executable).parent / "ladder"), "demo", "--out", str(out)]
        started = time.monotonic()
        with (Path(folder) / "log").open("w") as log:
            process = subprocess.Popen(
                [*command, *(["--quick"] if profile == "quick" else [])],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env=os.environ,
            )
            peak = 0
            while process.poll() is None:
                peak = max(peak, tree_bytes(process.pid, folder))
                time.sleep(2)
        seconds = time.monotonic() - started
        if process.returncode != 0:
            sys.exit(f"error: the {profile} demo failed:\n{(Path(folder) / 'log').read_text()}")
        for stage, spent in json.loads((out / "timings.json").read_text()).items():
            print(f"  {stage:<44}{spent:8.1f} s")
        print(
            f"  {profile}: {seconds:.0f} s (limit {LIMITS[profile]:.0f} s), peak memory {peak / GIB:.2f} GiB (limit 5)"
        )


def main() -> None:
    for profile in LIMITS:
        run(profile)


if __name__ == "__main__":
    main()

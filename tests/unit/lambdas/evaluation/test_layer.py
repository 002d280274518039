"""The layer's requirement files agree with each other and with what the tests ran against."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path, PurePath

ROOT = Path(__file__).parents[4]
LAYERS = ROOT / "lambdas" / "layers"
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return dict(PIN.findall((LAYERS / name).read_text(encoding="utf-8")))


def test_the_hashed_file_is_compiled_from_the_source() -> None:
    assert pins("evaluation.in") == pins("evaluation.txt")


def test_every_requirement_has_hashes() -> None:
    text = (LAYERS / "evaluation.txt").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pins("evaluation.txt"))
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_layer_has_the_versions_that_are_tested_here() -> None:
    assert {name: version(name) for name in pins("evaluation.in")} == pins("evaluation.in")


#: Prints what scoring one pair loads: paths relative to site-packages, one a line.
#: Packages that are declared by those of the layer, but left out of it, cannot be imported there.
SCORE_ONE_PAIR = """
import sys
for left_out in ("click", "defusedxml", "flatbuffers", "google", "huggingface_hub", "joblib", "packaging", "tqdm"):
    sys.modules[left_out] = None
from lambdas.evaluation import model_files
from lambdas.evaluation.bertscore import BertScore
from lambdas.evaluation.overlap import Overlap
Overlap().score("a", "b")
BertScore(model_files.find(), threads=1).score([("a", "b")])
for module in list(sys.modules.values()):
    name = (getattr(module, "__file__", None) or "").replace("\\\\", "/")
    if "/site-packages/" in name:
        print(name.split("/site-packages/")[1])
"""


def test_scoring_loads_only_what_is_in_the_layer() -> None:
    """In a process of its own: other tests import more of these packages."""
    done = subprocess.run(
        [sys.executable, "-c", SCORE_ONE_PAIR], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = [PurePath(line) for line in done.stdout.splitlines() if not line.startswith("_")]
    assert PurePath("nltk/__init__.py") in loaded
    folders = {name.replace("-", "_").removesuffix("_py") for name in pins("evaluation.in")}
    outside = {path.parts[0].removesuffix(".py") for path in loaded} - folders
    assert not outside, f"imported, but not in evaluation.in: {', '.join(sorted(outside))}"
    lines = (LAYERS / "evaluation.strip").read_text(encoding="utf-8").splitlines()
    for glob in [line.removeprefix("**/") for line in lines if line and not line.startswith("#")]:
        lost = [path for path in loaded if any(p.match(glob) for p in (path, *path.parents[:-1]))]
        assert not lost, f"{lost[0]} is imported, but evaluation.strip removes {glob}"

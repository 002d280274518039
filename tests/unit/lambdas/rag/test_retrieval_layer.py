"""The retrieval layer holds what the RAG functions import, no more, and stays small."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LAYERS = Path(__file__).parents[4] / "lambdas" / "layers"
#: boto3 and what it needs come with the Lambda runtime; the last two belong to this checkout's environment.
RUNTIME = {"boto3", "botocore", "s3transfer", "jmespath", "fm-cost-ladder", "setuptools"}
PROBE = """
import sys
from importlib.metadata import packages_distributions
import lambdas.rag.handler, lambdas.rag.logic, lambdas.rag.ingestion
lazy = {"opensearchpy", "semantic_text_splitter"} & sys.modules.keys()
assert not lazy, f"{lazy}: imported before it is needed"
import opensearchpy, opensearchpy.helpers
from contracts.experiment import Document, Retrieval
from lambdas.rag.chunking import chunk_document
chunk_document(Document(id="a", title="a", text="a"), Retrieval())
owners = packages_distributions()
print(*sorted({name.lower() for module in list(sys.modules) for name in owners.get(module, [])}))
"""


def listed(name: str) -> dict[str, str]:
    text = (LAYERS / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9-]+)==([^\s\\]+)", text, re.MULTILINE))


def test_compiled_file_pins_what_is_asked_for_with_hashes() -> None:
    assert listed("retrieval.txt") == listed("retrieval.in")
    text = (LAYERS / "retrieval.txt").read_text(encoding="utf-8")
    for block in re.split(r"\n(?=[A-Za-z])", text)[1:]:
        assert "--hash=sha256:" in block


def test_every_import_is_listed_and_nothing_else_is() -> None:
    root = LAYERS.parents[1]
    done = subprocess.run([sys.executable, "-c", PROBE], cwd=root, capture_output=True, text=True, check=True)
    imported = {name.replace("_", "-") for name in done.stdout.split()} - RUNTIME
    assert imported <= set(listed("retrieval.in")), "import that the layer lacks"
    assert set(listed("retrieval.in")) <= imported, "package that nothing imports"

"""Does `train.py` run with the libraries of the training container? Their versions, on this machine's CPU.

    python -m tests.bench.bench_container [--python /usr/bin/python3.12]

Installs PyTorch and transformers of `infra/fine_tuning/images.py` and `requirements.txt` of the training code into
`build/container` (7 GB once: PyPI's PyTorch comes with CUDA), then trains the tiny model with each method that needs
no GPU. It is a check, not a measurement: a run that fails ends it with the last lines of `train.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from infra.fine_tuning import images
from offline.models.cache import cache_root
from offline.models.prepare import ensure, folder

ROOT = Path(__file__).parents[2]
TRAINING = ROOT / "lambdas" / "fine_tuning" / "training"
PLACE = ROOT / "build" / "container"
#: What is asked of each run beside the tiny model.
RUNS: dict[str, dict[str, str]] = {
    "lora": {"adapters": "lora,lora+rag"},
    "lora, packed": {"packing": "true"},
    "lora, best of two rates": {
        "learning_rates": "0.001,0.01",
        "early_stopping_patience": "1",
        "checkpoint_steps": "2",
    },
    "dora": {"method": "dora"},
    "full, gradient checkpointing": {"method": "full", "gradient_checkpointing": "true", "learning_rate": "0.001"},
}


def install(python: str) -> Path:
    """Return the interpreter of the environment, made once."""
    own = PLACE / "bin" / "python"
    if not own.is_file():
        subprocess.run([python, "-m", "venv", str(PLACE)], check=True)
    libraries = [
        f"torch=={images.PYTORCH_TRAINING.removeprefix('pytorch')}",
        f"transformers=={images.TRANSFORMERS_TRAINING}",
        "-r",
        str(TRAINING / "requirements.txt"),
    ]
    uv = [sys.executable, "-m", "infra.package_index", "uv", "pip", "install", "-q", "--python", str(own)]
    subprocess.run([*uv, *libraries], check=True, cwd=ROOT)
    return own


def train(python: Path, name: str, asked: dict[str, str], base_model: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "train"
        data.mkdir()
        chats = [
            [
                {"role": "user", "content": f"Which shelf holds part {n}?"},
                {"role": "assistant", "content": f"shelf {n}"},
            ]
            for n in range(12)
        ]
        for adapter in ("lora", "lora+rag"):
            lines = "".join(json.dumps({"messages": chat}) + "\n" for chat in chats)
            (data / f"{adapter}.jsonl").write_text(lines, encoding="utf-8")
        settings = {"base_model": str(base_model), "adapters": "lora", "epochs_closed_book": "2", "batch_size": "4"}
        variables = {
            "SM_CHANNEL_TRAIN": str(data),
            "SM_MODEL_DIR": f"{place}/model",
            "SM_OUTPUT_DIR": f"{place}/output",
            "SM_CHECKPOINT_DIR": f"{place}/checkpoints",
            "SM_HPS": json.dumps({**settings, **asked}),
            "HF_HUB_OFFLINE": "1",
        }
        began = time.perf_counter()
        done = subprocess.run(
            [str(python), str(TRAINING / "train.py")],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{name}: train.py ended with {done.returncode}\n{done.stderr[-2000:]}")
        record = json.loads(Path(place, "model", "training.json").read_text(encoding="utf-8"))
        losses = {adapter: report["losses"][-1] for adapter, report in record["adapters"].items()}
        versions = f"torch {record['torch']}, transformers {record['transformers']}"
        print(f"{name:<30}{time.perf_counter() - began:>6.1f} s  {versions}  last losses {losses}", flush=True)


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default="python3.12", help="an interpreter of the container's Python version")
    chosen = parser.parse_args(argv)
    ensure("tiny", cache_root(os.environ))
    python = install(chosen.python)
    for name, asked in RUNS.items():
        train(python, name, asked, folder("tiny", cache_root(os.environ)).snapshot)


if __name__ == "__main__":
    main(sys.argv[1:])

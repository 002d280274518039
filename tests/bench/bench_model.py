"""Speed of the small language model on this machine: prefill, decoding, training, in tokens a second.

Runs what the embedded AWS runs (`inference.py`, `train.py`), with its thread settings, on texts of the sample handbook.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from offline.engines import THREADS
from offline.models.cache import cache_root
from offline.models.hub import HUB_ID
from offline.models.prepare import ensure
from offline.models.text_model import Request

ROOT = Path(__file__).parents[2]
EXAMPLES = 24


def chats() -> list[list[dict[str, str]]]:
    """Page and question as the fine-tuned prompt has them, with the answer."""
    pages = {
        path.stem: path.read_text(encoding="utf-8").partition("---\n")[2].partition("---\n")[2].strip()
        for path in (ROOT / "experiments" / "handbook" / "documents").glob("*.md")
    }
    found = []
    with (ROOT / "experiments" / "handbook" / "questions.train.jsonl").open(encoding="utf-8") as lines:
        for question in map(json.loads, lines):
            page = pages.get(question["document"] or "")
            if page:
                asked = f"[{question['document']}] {page}\n\nQuestion: {question['question']}"
                found.append([{"role": "user", "content": asked}, {"role": "assistant", "content": question["answer"]}])
    return found


def speed(name: str, tokens: int, seconds: float) -> None:
    print(f"  {name:<34}{tokens / seconds:>9.0f} tokens/s   ({tokens} tokens, {seconds:.1f} s)")


def inference(examples: list[list[dict[str, str]]]) -> None:
    from offline.models import inference as serving

    started = time.perf_counter()
    model = serving.load(HUB_ID, tokenizer=HUB_ID, adapters={})
    print(f"  {'load':<34}{time.perf_counter() - started:>9.1f} s")

    def timed(requests: list[Request]) -> tuple[list[serving.Generated], float]:
        begun = time.perf_counter()
        answers = serving.generate(model, [serving.to_request(model, request) for request in requests])
        return answers, time.perf_counter() - begun

    prompts = [chat[:1] for chat in examples]
    timed([{"messages": prompts[0], "max_new_tokens": 2}])
    answers, prefill_s = timed([{"messages": p, "max_new_tokens": 1} for p in prompts[:16]])
    speed("prefill, batch of 16", sum(a.input_tokens for a in answers), prefill_s)
    story = [{"role": "user", "content": "Tell me a long story about the weather."}]
    answers, one_s = timed([{"messages": story, "max_new_tokens": 64}])
    speed("decode, one stream", answers[0].output_tokens, one_s)
    stories = [[{"role": "user", "content": f"Tell me a long story about {n} weather stations."}] for n in range(2, 18)]
    answers, many_s = timed([{"messages": s, "max_new_tokens": 64} for s in stories])
    speed("decode, batch of 16", sum(a.output_tokens for a in answers), many_s)


def training(examples: list[list[dict[str, str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "train"
        data.mkdir()
        lines = "".join(json.dumps({"messages": chat}) + "\n" for chat in examples[:EXAMPLES])
        (data / "lora+rag.jsonl").write_text(lines, encoding="utf-8")
        variables = {
            "SM_CHANNEL_TRAIN": str(data),
            "SM_MODEL_DIR": f"{folder}/model",
            "SM_OUTPUT_DIR": f"{folder}/output",
            "SM_CHECKPOINT_DIR": f"{folder}/checkpoints",
            "SM_HPS": json.dumps({"base_model": HUB_ID, "adapters": "lora+rag", "epochs_rag": "2"}),
        }
        script = ROOT / "lambdas" / "fine_tuning" / "training" / "train.py"
        subprocess.run([sys.executable, str(script)], env={**os.environ, **variables}, check=True, capture_output=True)
        (report,) = json.loads(Path(folder, "model", "training.json").read_text(encoding="utf-8"))["adapters"].values()
        speed("LoRA training, one page a prompt", report["tokens"], report["seconds"])


def main() -> None:
    os.environ.update(THREADS)
    os.environ.update(ensure("smollm2", cache_root(os.environ)).environment())
    examples = chats()
    inference(examples)
    training(examples)


if __name__ == "__main__":
    main()

"""Which rung of the ladder each sample ends on, measured with the small language model of the embedded AWS.

    python -m tests.bench.bench_samples [requests directory triage] [--variants few-shot lora] [--seeds 3]
    python -m tests.bench.bench_samples triage --dev --layers 10 30 --rates 5e-4 2e-3 --epochs 4 6

The first form asks the test questions of a profile with the product's prompts, retrieval, training and serving
code, and says whether the winner's intervals lie above the gate and above those of every lower rung. Seeds change the
shots and the training. `few-shot-16` is a control that no run has.

`--dev` never reads the test: it holds four training questions of each subject out (others with every seed), trains on
the rest and asks those. Settings are chosen that way. Without `--rates` it compares what needs no training.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contracts.experiment import PAGE_VARIANTS, SHOT_VARIANTS, Document, Experiment, Question
from contracts.run import Manifest
from contracts.times import Deadline
from ladder.experiment.folder import LoadedExperiment, load
from ladder.runs.manifest import plan
from lambdas.common import prompts
from lambdas.common.prompts import Prompt, Shot, final_answer
from lambdas.evaluation.intervals import wilson
from lambdas.evaluation.text_metrics import contained, exact
from lambdas.fine_tuning import dataset, jobs
from lambdas.rag import ingestion
from lambdas.rag.chunking import chunk_all
from lambdas.rag.index import VectorIndex
from lambdas.rag.retrieval import retrieve
from lambdas.rag.shots import shots_with_pages
from offline.engines import THREADS
from offline.models.cache import cache_root
from offline.models.embeddings import DIMENSIONS, MiniLM
from offline.models.hub import HUB_ID
from offline.models.prepare import ensure
from offline.models.text_model import Request
from tests.bench.bench_retrieval import open_index, server

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
#: Sample -> the variant that it is made for.
WINNERS = {"requests": "few-shot", "directory": "rag+few-shot", "triage": "lora"}
#: Whether more examples would do what an adapter does.
MANY_SHOTS = "few-shot-16"
#: From the lowest rung to the highest. Controls are printed, and never stand in a winner's way.
RUNGS = ("zero-shot", "few-shot", MANY_SHOTS, "chain-of-thought", "rag", "rag+few-shot", "lora", "lora+rag")
CONTROLS = ("base", "base+rag")
#: These give the same answers with every seed.
SEEDLESS = ("zero-shot", "chain-of-thought", "rag", *CONTROLS)
#: Half of the model's layers, which is the default of an experiment. ADR 0014 has the table by which it was chosen.
ADAPTED = 15
HELD_OUT = 4


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One variant with one seed: right (1) or wrong (0) by question."""

    right: tuple[bool, ...]
    held: int
    seconds: float
    note: str = ""

    @property
    def interval(self) -> tuple[float, float]:
        low, high, _ = wilson(sum(self.right), len(self.right))
        return low, high

    def __str__(self) -> str:
        n = len(self.right)
        low, high = self.interval
        held = f"contained {self.held / n:4.2f}"
        return f"n={n:<3} {sum(self.right) / n:4.2f} [{low:.2f}-{high:.2f}]  {held}  {self.seconds:4.0f} s  {self.note}"


@dataclass(kw_only=True)
class Bench:
    """One sample: its questions and settings, the index of its pages, the base model."""

    loaded: LoadedExperiment
    index: VectorIndex
    embedder: MiniLM
    served: Any
    layers: int = ADAPTED

    @property
    def experiment(self) -> Experiment:
        return self.loaded.experiment

    def pages(self, question: str, count: int) -> list[Document]:
        def embed(text: str) -> Sequence[float]:
            return self.embedder.embed([text])[0].values.tolist()

        candidates = max(count, self.experiment.retrieval.candidates)
        found = retrieve(self.index, embed, question, candidates=candidates, pages=count)
        return [page.as_document() for page in found]

    def outcome(self, variant: str, manifest: Manifest) -> Outcome:
        """Ask the manifest's test questions."""
        test = {question.id: question for question in self.loaded.test}
        return self.ask(variant, [test[i] for i in manifest.test_question_ids], manifest)

    def ask(self, variant: str, questions: Sequence[Question], manifest: Manifest) -> Outcome:
        """`variant` on `questions`; shots and training examples are those of the manifest."""
        began = time.perf_counter()
        note = ""
        served, adapter = self.served, None
        with tempfile.TemporaryDirectory() as folder:
            if variant.startswith("lora"):
                served, note = self.trained(variant, manifest, Path(folder))
                adapter = variant
            asked = self.prompts(variant, questions, manifest)
            texts = [final_answer(text, variant) for text in answers(served, asked, adapter)]
        pairs = [(text, question.answer) for text, question in zip(texts, questions, strict=True)]
        return Outcome(
            right=tuple(exact(*pair) for pair in pairs),
            held=sum(contained(*pair) for pair in pairs),
            seconds=time.perf_counter() - began,
            note=note,
        )

    def prompts(self, variant: str, questions: Sequence[Question], manifest: Manifest) -> list[Prompt]:
        experiment, wanted, train = self.experiment, self.experiment.retrieval, self.loaded.train
        shots: tuple[Shot, ...] = ()
        if variant == "rag+few-shot":
            shots = shots_with_pages(train, {d.id: d for d in self.loaded.documents}, manifest.seed, experiment)
        elif variant in SHOT_VARIANTS:
            shots = prompts.choose_shots(train, manifest.seed, experiment.prompt.shots)
        elif variant == MANY_SHOTS:
            variant, shots = "few-shot", prompts.choose_shots(train, manifest.seed, 16)
        counts = {"rag": wanted.pages, "rag+few-shot": wanted.pages_few_shot}
        count = counts.get(variant, wanted.pages_fine_tuned)
        return [
            prompts.render(
                variant,
                q.question,
                experiment,
                pages=self.pages(q.question, count) if variant in PAGE_VARIANTS else (),
                shots=shots,
            )
            for q in questions
        ]

    def trained(self, adapter: str, manifest: Manifest, folder: Path) -> tuple[Any, str]:
        """The model with one adapter, trained and saved as `train.py` does it, and loaded as the endpoint does it."""
        from lambdas.fine_tuning.training import device, tuning
        from lambdas.fine_tuning.training.examples import encode
        from lambdas.fine_tuning.training.settings import Settings
        from offline.models import inference

        known = {question.id: question for question in self.loaded.train}
        if adapter == "lora":
            examples = dataset.closed_book([known[i] for i in manifest.closed_book_ids], self.experiment, manifest.seed)
        else:
            examples = dataset.with_pages(
                [known[i] for i in manifest.rag_ids],
                {d.id: d for d in self.loaded.documents},
                self.experiment,
                self.pages,
                reserved=dataset.reserved_pages(self.loaded.test),
                seed=manifest.seed,
                workers=1,
            )
        chats = [[{"role": m.role, "content": m.content} for m in example.messages] for example in examples]
        training = replace(self.experiment.training, last_layers=self.layers)
        hyper = jobs.hyperparameters(manifest, replace(self.experiment, training=training), HUB_ID)
        base = device.load_base(HUB_ID, training.method)
        recipe = Settings.parse(hyper).recipe(adapter)
        model, report = tuning.train(
            base,
            self.served.tokenizer,
            [encode(self.served.tokenizer, chat) for chat in chats],
            recipe,
            recipe.learning_rates[0],
            folder=folder / "checkpoints",
            key="bench",
            say=lambda _text: None,
        )
        tuning.save(model, folder / "adapter")
        served = inference.load(HUB_ID, tokenizer=HUB_ID, adapters={adapter: folder / "adapter"})
        took = f"{report.seconds:.0f} s, loss {report.losses[-1]}"
        return served, f"{report.examples} examples x {report.epochs}, {took}"


def answers(served: Any, asked: Sequence[Prompt], adapter: str | None) -> list[str]:
    from offline.models import inference

    requests = []
    for prompt in asked:
        system = [{"role": "system", "content": prompt.system}] if prompt.system else []
        turns = [{"role": m.role, "content": m.content} for m in prompt.messages]
        asked_for: Request = {"messages": system + turns, "max_new_tokens": prompt.max_output_tokens}
        requests.append(inference.to_request(served, asked_for, adapter))
    return [answer.text for answer in inference.generate(served, requests)]


@contextlib.contextmanager
def opened(sample: str, layers: int) -> Iterator[Bench]:
    """The sample with its pages in a store of its own."""
    from offline.models import inference

    loaded = load(EXPERIMENTS / sample)
    embedder = MiniLM()
    with server() as (endpoint, _pid):
        index = open_index(endpoint, sample)
        index.ensure("domain", DIMENSIONS)
        chunks = chunk_all(loaded.documents, loaded.experiment.retrieval)
        ingestion.ingest(
            index, lambda text: embedder.embed([text])[0].values.tolist(), [d.id for d in loaded.documents], chunks
        )
        index.deadline = Deadline.after(24 * 3600)
        served = inference.load(HUB_ID, tokenizer=HUB_ID, adapters={})
        yield Bench(loaded=loaded, index=index, embedder=embedder, served=served, layers=layers)


def manifest_of(bench: Bench, profile: str, seed: int) -> Manifest:
    loaded = replace(bench.loaded, experiment=replace(bench.loaded.experiment, seed=seed))
    return plan(loaded, profile, "bench", created="", git_commit=None)


def table(bench: Bench, variants: Sequence[str], profile: str, seeds: int, limit: int | None) -> None:
    """Print a line a variant and seed, then the verdict on the winner."""
    sample = bench.experiment.name
    found: dict[str, list[Outcome]] = {}
    for variant in variants:
        for number in range(1 if variant in SEEDLESS else seeds):
            manifest = manifest_of(bench, profile, bench.experiment.seed + number)
            manifest = replace(manifest, test_question_ids=manifest.test_question_ids[:limit])
            outcome = bench.outcome(variant, manifest)
            found.setdefault(variant, []).append(outcome)
            print(f"{sample:<10} {profile:<6} {variant:<17} seed +{number}  {outcome}", flush=True)
    winner = WINNERS.get(sample, "")
    if winner not in found:
        return
    low = min(outcome.interval[0] for outcome in found[winner])
    gate = bench.experiment.gate[0].minimum
    print(f"{sample}: {winner} lies {'above' if low > gate else 'NOT above'} the gate of {gate} ({low:.2f})")
    for variant in (v for v in RUNGS[: RUNGS.index(winner)] if v in found):
        high = max(outcome.interval[1] for outcome in found[variant])
        relation = "above" if low > high else "NOT above"
        print(f"{sample}: {winner} lies {relation} {variant} ({low:.2f} and {high:.2f})")


def dev(bench: Bench, variants: Sequence[str], rates: Sequence[float], epochs: Sequence[int], seeds: int) -> None:
    """Print how settings do on held-out training questions, one line a setting."""
    whole = bench.loaded
    for variant in variants:
        for rate in rates:
            for count in epochs:
                outcomes = []
                for number in range(seeds):
                    kept, held = split(whole.train, number)
                    training = replace(whole.experiment.training, learning_rate=rate, epochs_closed_book=count)
                    experiment = replace(whole.experiment, training=training, profiles={})
                    bench.loaded = replace(whole, experiment=experiment, train=kept)
                    outcomes.append(bench.ask(variant, held, manifest_of(bench, "all", experiment.seed + number)))
                right = [sum(o.right) / len(o.right) for o in outcomes]
                values = " ".join(f"{value:.2f}" for value in right)
                print(
                    f"dev {variant:<13} layers {bench.layers:>2}  rate {rate:.0e}  epochs {count}  mean "
                    f"{sum(right) / seeds:.2f}  ({values})  n={len(outcomes[0].right)}  {outcomes[-1].note}",
                    flush=True,
                )


def split(train: Sequence[Question], seed: int) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
    """(kept, held out) training questions; each subject is shuffled once, so three seeds hold out different ones."""
    subjects: dict[tuple[str, ...], list[Question]] = {}
    for question in train:
        subjects.setdefault(question.tags, []).append(question)
    held: list[Question] = []
    for tags, questions in subjects.items():
        random.Random(f"dev {tags}").shuffle(questions)
        held += questions[seed * HELD_OUT : (seed + 1) * HELD_OUT]
    return tuple(q for q in train if q not in held), tuple(held)


def main(argv: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", nargs="*", default=list(WINNERS), help=", ".join(WINNERS))
    parser.add_argument("--variants", nargs="+", choices=(*RUNGS, *CONTROLS), help="all by default; with --dev: lora")
    parser.add_argument("--profile", default="full")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=int, help="ask only so many questions")
    parser.add_argument("--layers", type=int, nargs="+", default=[ADAPTED], help="how many, from the last")
    parser.add_argument("--dev", action="store_true", help="choose settings on held-out training questions")
    parser.add_argument("--rates", type=float, nargs="+", default=[5e-4], help="with --dev: learning rates")
    parser.add_argument("--epochs", type=int, nargs="+", default=[4], help="with --dev: epochs")
    chosen = parser.parse_args(argv)
    os.environ.update(THREADS)
    # The client of the store signs; these are not anybody's credentials.
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_EC2_METADATA_DISABLED": "true"}
    os.environ.update(ensure("smollm2", cache_root(os.environ)).environment())
    for sample in chosen.samples:
        for layers in chosen.layers:
            with opened(sample, layers) as bench:
                if chosen.dev:
                    dev(bench, chosen.variants or ["lora"], chosen.rates, chosen.epochs, chosen.seeds)
                else:
                    table(bench, chosen.variants or (*RUNGS, *CONTROLS), chosen.profile, chosen.seeds, chosen.limit)


if __name__ == "__main__":
    main(sys.argv[1:])

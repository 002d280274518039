"""Plain-text cases: a question, then `=` and its answer. A new case is two lines in one of the .txt files, no code.

Above each case stands the arithmetic by which a person can check it. The first word of the question is the verb; the
verbs are the functions below. Numbers may be written with commas.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from contracts.money import UsageRow
from contracts.units import to_decimal
from cost_reports.decide.curve import Term
from cost_reports.estimate import gpu, pretraining, tokens
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.options import prompting
from cost_reports.estimate.options.rag import STORES, retrieval
from cost_reports.estimate.options.serving import serve
from cost_reports.estimate.plan import Option, estimate_rows
from cost_reports.estimate.workload import ExactWorkload, Task
from cost_reports.metering.charges import Pricer
from cost_reports.prices.catalogue import Catalogue, PriceError
from cost_reports.prices.quote import Quoter

CATALOGUE = Catalogue.load()
FOLDER = Path(__file__).parent


def cases() -> list[tuple[str, str, str]]:
    found = []
    for path in sorted(FOLDER.glob("*.txt")):
        question = ""
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            if text.startswith("="):
                assert question, f"{path.name}:{number}: an answer without a question"
                found.append((f"{path.stem}:{number}", question, text[1:].strip()))
                question = ""
            else:
                assert not question, f"{path.name}:{number}: the question before has no answer"
                question = text
        assert not question, f"{path.name}: the last question has no answer"
    return found


def number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def usage(service: str, kind: str, amount: str, unit: str, *rest: str) -> Decimal | str:
    """usage SERVICE TYPE AMOUNT UNIT [DATE [OPERATION]]: dollars of one row, or `unknown` where the catalogue says that
    its price is unpublished; a space in a unit is written `_`.
    """
    day = rest[0] if rest else "2026-11-23"
    row = UsageRow(
        experiment="golden",
        run="r",
        approach="rag",
        variant=None,
        start=f"{day}T00:00:00Z",
        end=f"{day}T01:00:00Z",
        service_code=service,
        usage_type=kind,
        operation=rest[1] if len(rest) > 1 else "",
        amount=number(amount),
        unit=unit.replace("_", " "),
        basis="derived",
        source="golden",
    )
    if CATALOGUE.unpublished_for(row) is not None:
        with pytest.raises(PriceError, match="no public price"):
            Pricer(CATALOGUE).amount(row)
        return "unknown"
    return Pricer(CATALOGUE).amount(row)


def model(model_id: str, meter: str, amount: str) -> Decimal:
    """model ID METER TOKENS: dollars; a space in a meter is written `_`."""
    rows = estimate_rows("golden", "prompting", "", "us-east-1")
    return Pricer(CATALOGUE).amount(rows.tokens(model_id, meter.replace("_", " "), int(number(amount)), ""))


def _inputs(**numbers: str) -> EstimateInputs:
    task = {
        "documents": 10,
        "corpus_tokens": 10_000,
        "question_tokens": 20,
        "answer_tokens": 10,
        "style_tokens": 100,
        "shots": 0,
        "shot_tokens": 0,
        "reasoning_tokens": 0,
        "pages": 0,
        "chunk_tokens": 100,
        "train_examples": 100,
        "train_example_tokens": 100,
        "epochs": 1,
        "turns": 1,
    }
    given = {k: int(number(v)) for k, v in numbers.items() if k in task}
    peak = number(numbers.get("peak", "4"))
    return EstimateInputs(
        experiment="golden",
        catalogue=CATALOGUE,
        task=Task(**{**task, **given}),
        workload=ExactWorkload(requests_per_month=1, peak_factor=peak),
        generator=numbers.get("generator", "us.amazon.nova-micro-v1:0"),
        embedding="amazon.titan-embed-text-v2:0",
        dimensions=512,
        base_model=numbers.get("base", "meta-llama/Meta-Llama-3-8B-Instruct"),
        training_instance="ml.g5.xlarge",
        hosting_instance=numbers.get("instance", "ml.g5.xlarge"),
        assumed={k: number(v) for k, v in numbers.items() if k in ("ocu_rate", "node_rate", "acu_rate", "import_rate")},
    )


def _pairs(words: tuple[str, ...]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


def prompt(variant: str, *words: str) -> str:
    """prompt VARIANT key=value...: input and output tokens of one request (or chat, with turns=)."""
    found = _inputs(**_pairs(words)).prompt(variant)
    return f"{found.input} {found.output}"


def request(variant: str, *words: str) -> Decimal:
    """request VARIANT key=value...: dollars of the tokens of one request (or chat, with turns=)."""
    inputs = _inputs(**_pairs(words))
    parts = prompting.tokens(inputs, inputs.rows("prompting", variant), inputs.prompt(variant))
    return to_decimal(Quoter(CATALOGUE).curve(Option(approach="", variant="", setup="", parts=parts)).monthly(1))


def caching(variant: str, *words: str) -> str:
    """caching VARIANT key=value...: input tokens by meter of one request (or chat): plain, read, written."""
    pairs = _pairs(words)
    found = tokens.cached(_inputs(**pairs).prompt(variant), number(pairs.get("hits", "0.8")))
    return " ".join(f"{float(n):g}" for n in (found.plain, found.read, found.written))


def compute(store: str, *words: str) -> Decimal:
    """compute STORE requests=N ...: dollars a month of the store's compute (not storage, not embeddings)."""
    pairs = _pairs(words)
    name = next(s for s in STORES if s == store.replace("_", " "))
    inputs = _inputs(**pairs)
    parts = retrieval(inputs, inputs.rows("rag", "rag"), name)
    return _monthly(parts, pairs, ("capacity", "idle floor"))


def serving(name: str, *words: str) -> Decimal:
    """serving NAME requests=N ...: dollars a month of serving a tuned model."""
    pairs = _pairs(words)
    inputs = _inputs(**pairs)
    parts = serve(inputs, inputs.rows("fine-tuning", "lora"), name.replace("_", " "))
    return _monthly(parts, pairs, ("capacity", "storage"))


def _monthly(parts: tuple, pairs: dict[str, str], drivers: tuple[str, ...]) -> Decimal:  # type: ignore[type-arg]
    quoter = Quoter(CATALOGUE)
    volume = int(number(pairs.get("requests", "0")))
    return to_decimal(sum((quoter.term(p).monthly(volume) for p in parts if p.input in drivers), Fraction(0)))


def units(requests: str, capacity: str, minimum: str, included: str) -> int:
    """units REQUESTS CAPACITY MINIMUM INCLUDED: whole units that are paid for."""
    term = Term(
        cost_behavior="unit",
        input="",
        usd=Fraction(1),
        capacity=Fraction(number(capacity)),
        minimum=int(minimum),
        included=int(included),
    )
    return term.units(int(number(requests)))


def lora(base: str, rank: str, layers: str) -> int:
    """lora MODEL RANK all|qv: trainable parameters."""
    return gpu.lora_parameters(gpu.shape_of(base), int(rank), all_linear=layers == "all")


def reft(hidden: str, rank: str, layers: str) -> int:
    """reft HIDDEN RANK LAYERS: trainable parameters."""
    return gpu.reft_parameters(int(hidden), int(rank), int(layers))


def memory(method: str, parameters: str, trained: str) -> Decimal:
    """memory METHOD PARAMETERS TRAINED: bytes of weights, gradients and optimiser."""
    return to_decimal(gpu.weight_bytes(int(number(parameters)), method, int(number(trained))))  # type: ignore[arg-type]


def flops(parameters: str, trained_tokens: str) -> Decimal:
    """flops N D: 6 N D."""
    return to_decimal(pretraining.flops(int(Decimal(parameters)), int(Decimal(trained_tokens))))


def hours(parameters: str, trained_tokens: str, kind: str, mfu: str) -> Decimal:
    """hours N D GPU MFU: GPU hours, to two decimals."""
    found = pretraining.gpu_hours(int(Decimal(parameters)), int(Decimal(trained_tokens)), kind, Fraction(mfu))
    return to_decimal(found, Decimal("0.01"))


def published(*words: str) -> str:
    """published NAME...: predicted GPU hours at 43 % and at 35 % MFU (whole hours), published hours, verdict."""
    found = next(c for c in map(pretraining.check, pretraining.PUBLISHED) if c.run.name == " ".join(words))
    return f"{int(found.low):,} {int(found.high):,} {found.run.gpu_hours:,} {found.verdict}"


VERBS: dict[str, Callable[..., object]] = {
    f.__name__: f
    for f in (
        usage,
        model,
        prompt,
        request,
        caching,
        compute,
        serving,
        units,
        lora,
        reft,
        memory,
        flops,
        hours,
        published,
    )
}


@pytest.mark.parametrize(("question", "answer"), [(q, a) for _, q, a in cases()], ids=[name for name, _, _ in cases()])
def test_case(question: str, answer: str) -> None:
    verb, *words = question.split()
    found = VERBS[verb](*words)
    if isinstance(found, str):
        assert found == answer
    else:
        assert isinstance(found, int | Decimal)
        assert Decimal(found) == number(answer), f"{question} = {found}"


def test_there_are_enough_cases() -> None:
    assert len(cases()) >= 60

"""Limits of models beside what the run would send them: context, room for an answer, input of the embedding model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.experiment import VARIANTS
from contracts.run import Manifest
from cost_reports.estimate.gpu import SHAPES
from cost_reports.prices.catalogue import Catalogue, PriceError
from cost_reports.text import counted
from ladder.check.sizes import SizedPrompt, Sizes, measure
from ladder.errors import LadderError
from ladder.experiment.folder import LoadedExperiment

#: Tokens are estimated: from this share of a limit on, a prompt may be too long.
CLOSE = 0.75
#: The limit on what a model is sent and writes, together.
CONTEXT = "prompt and answer"
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a model takes at most in tokens (None: not known here), beside what the run would send it.

    `most` is with the longest pages, `typical` with pages of the median length.
    """

    model: str
    what: str
    limit: int | None
    most: int
    typical: int
    found: str

    @property
    def state(self) -> str:
        """Return `fits`, `too long`, `unknown`; `may not fit`: with the longest pages, or by the count's error."""
        if self.limit is None:
            return "unknown"
        if self.typical > self.limit:
            return "too long"
        return "may not fit" if self.most > CLOSE * self.limit else "fits"


def limits_of(loaded: LoadedExperiment, sizes: Sizes, catalogue: Catalogue) -> tuple[Limit, ...]:
    """Return the limits that the run meets, each with what comes nearest to it or is beyond it."""
    models = loaded.experiment.models
    own = [prompt for prompt in sizes.prompts if prompt.approach != "fine-tuning"]
    tuned = [prompt for prompt in sizes.prompts if prompt.variant in VARIANTS["fine-tuning"]]
    base = SHAPES.get(models.fine_tuning_base)
    embedding = _input_limit(catalogue, models.embedding)
    chunk = Limit(
        model=models.embedding,
        what="chunk to embed",
        limit=embedding,
        most=sizes.chunks.most,
        typical=sizes.chunks.most,
        found=f"page {sizes.longest_chunk_page}",
    )
    return (
        _context(models.generator, own, _input_limit(catalogue, models.generator)),
        _context(models.fine_tuning_base, tuned, base.context if base else None),
        chunk,
    )


def too_long(limits: Sequence[Limit]) -> list[str]:
    """Return a line for each limit that the run would break, with question and pages."""
    return [
        f"{limit.model} takes {limit.limit or 0:,} tokens of {limit.what}, not {limit.typical:,} ({limit.found});"
        " put fewer or smaller pages and examples into a prompt, or choose another model"
        for limit in limits
        if limit.state == "too long"
    ]


def require_fit(loaded: LoadedExperiment, manifest: Manifest, catalogue: Catalogue) -> None:
    """Return if every prompt of the run fits its model; it would be paid for, and fail.

    Raises:
        LadderError: names the first that does not.
    """
    lines = too_long(limits_of(loaded, measure(loaded, manifest), catalogue))
    if lines:
        raise LadderError(f"{loaded.folder}: {lines[0]}; `ladder check` shows all")


def _context(model: str, sent: Sequence[SizedPrompt], limit: int | None) -> Limit:
    """Return the limit on prompt and answer together. `found` names questions and pages of what is beyond it."""
    worst = max(sent, key=_total)
    typical = max(prompt.typical_tokens + prompt.answer_tokens for prompt in sent)
    beyond = [prompt for prompt in sent if limit is not None and _total(prompt) > limit]
    found = f"{worst.variant}, question {worst.question}"
    if beyond:
        questions = list(dict.fromkeys(prompt.question for prompt in beyond))
        variants = list(dict.fromkeys(prompt.variant for prompt in beyond))
        found = f"{counted(len(beyond), 'prompt')} of {', '.join(variants)}: question {_first(questions)}"
    if worst.pages:
        found += f", pages {_first(worst.pages)}"
    return Limit(model=model, what=CONTEXT, limit=limit, most=_total(worst), typical=typical, found=found)


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _total(prompt: SizedPrompt) -> int:
    return prompt.tokens + prompt.answer_tokens


def _input_limit(catalogue: Catalogue, model: str) -> int | None:
    try:
        return catalogue.model(model).max_input_tokens
    except PriceError:
        return None

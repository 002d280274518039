"""Limits of models beside what the run would send them: context, room for an answer, input of the embedding model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.experiment import VARIANTS
from cost_reports.estimate.gpu import SHAPES
from cost_reports.prices.catalogue import Catalogue, PriceError
from cost_reports.text import counted
from ladder.check.sizes import SizedPrompt, Sizes
from ladder.experiment.folder import LoadedExperiment

#: Tokens are estimated: from this share of a limit on, a prompt may be too long.
CLOSE = 0.75
#: The limit on what a model is sent and writes, together.
CONTEXT = "prompt and answer"
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a model takes at most in tokens (None: not known here), beside the most that the run would send it."""

    model: str
    what: str
    limit: int | None
    most: int
    found: str

    @property
    def state(self) -> str:
        """Return `fits`, `close` (within the error of the count), `too long` or `unknown`."""
        if self.limit is None:
            return "unknown"
        return "too long" if self.most > self.limit else "close" if self.most > CLOSE * self.limit else "fits"


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
        found=f"page {sizes.longest_chunk_page}",
    )
    return (
        _context(models.generator, own, _input_limit(catalogue, models.generator)),
        _context(models.fine_tuning_base, tuned, base.context if base else None),
        chunk,
    )


def _context(model: str, sent: Sequence[SizedPrompt], limit: int | None) -> Limit:
    """Return the limit on prompt and answer together. `found` names questions and pages of what is beyond it."""
    worst = max(sent, key=_total)
    beyond = [prompt for prompt in sent if limit is not None and _total(prompt) > limit]
    found = f"{worst.variant}, question {worst.question}"
    if beyond:
        questions = list(dict.fromkeys(prompt.question for prompt in beyond))
        variants = list(dict.fromkeys(prompt.variant for prompt in beyond))
        found = f"{counted(len(beyond), 'prompt')} of {', '.join(variants)}: question {_first(questions)}"
    if worst.pages:
        found += f", pages {_first(worst.pages)}"
    return Limit(model=model, what=CONTEXT, limit=limit, most=_total(worst), found=found)


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

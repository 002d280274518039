"""The name of what one fine-tuning execution makes at SageMaker, as one rule in two languages.

The function that prepares a run works it out in Python. The sweep, which must not depend on any function, works it out
in JSONata inside its state machine. A test holds the two against each other.
"""

from __future__ import annotations

import hashlib
import re

#: SageMaker: `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`.
NAME_LIMIT = 63
_DIGITS = 8
_SLUG_LIMIT = NAME_LIMIT - 1 - _DIGITS

#: The rule in JSONata; the state's input is `{"asked": {"experiment", "run"}, "execution"}`.
JSONATA = (
    "{% ("
    "$subject := $states.input.asked.experiment & ' ' & $states.input.asked.run;"
    f"$slug := $replace($substring($join($match($subject, /[a-zA-Z0-9]+/).match, '-'), 0, {_SLUG_LIMIT}), /-+$/, '');"
    f"$slug & '-' & $substring($hash($subject & ' ' & $states.input.execution, 'SHA-256'), 0, {_DIGITS})"
    ") %}"
)


def job_pattern(experiment: str) -> re.Pattern[str]:
    """Return what the whole name of anything that a fine-tuning execution of the experiment made looks like.

    A run id is the letter r, date, time, and what a later rule may add to it.
    """
    slug = "-".join(re.findall(r"[a-zA-Z0-9]+", experiment))
    return re.compile(rf"{slug}-r[0-9]{{8}}-[0-9]{{6}}[a-z0-9]*(?:-[a-z0-9]+)*-[0-9a-f]{{{_DIGITS}}}")


def job_name(experiment: str, run: str, execution: str) -> str:
    """Return experiment, run and digits of a hash that no other execution has."""
    slug = "-".join(re.findall(r"[a-zA-Z0-9]+", f"{experiment} {run}"))
    digest = hashlib.sha256(f"{experiment} {run} {execution}".encode()).hexdigest()[:_DIGITS]
    return f"{slug[:_SLUG_LIMIT].rstrip('-')}-{digest}"

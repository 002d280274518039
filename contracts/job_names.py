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


def job_name(experiment: str, run: str, execution: str) -> str:
    """Return experiment, run and digits of a hash that no other execution has."""
    digest = hashlib.sha256(f"{experiment} {run} {execution}".encode()).hexdigest()[:_DIGITS]
    return run_prefix(experiment, run) + digest


def run_prefix(experiment: str, run: str) -> str:
    """Return what the names of all executions of a run begin with."""
    slug = "-".join(re.findall(r"[a-zA-Z0-9]+", f"{experiment} {run}"))
    return f"{slug[:_SLUG_LIMIT].rstrip('-')}-"

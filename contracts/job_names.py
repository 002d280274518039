"""Names of an experiment's stacks, and of what one fine-tuning execution makes at SageMaker.

What deploys and what looks for leftovers follow the same rules. The second is one rule in two languages.
The function that prepares a run works it out in Python. The sweep, which must not depend on any function, works it out
in JSONata inside its state machine. A test holds the two against each other.
"""

from __future__ import annotations

import hashlib
import re

#: The stacks of one experiment. What CloudFormation names after a stack begins with the stack's name.
CONCERNS = ("guard", "foundation", "prompting", "rag", "fine-tuning", "reporting", "comparison", "exports")
#: The ends of names that a template fixes, because AWS asks for a name: OpenSearch Serverless collections with their
#: groups and policies, and billing exports. Without an end: workgroup, anomaly monitor and subscription.
SEARCH_ENDS = tuple(f"{kind}{policy}" for kind in ("ng", "cl") for policy in ("", "-fn", "-ft"))
EXPORT_ENDS = ("focus", "cur")

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
    digest = hashlib.sha256(f"{experiment} {run} {execution}".encode()).hexdigest()[:_DIGITS]
    return run_prefix(experiment, run) + digest


def run_prefix(experiment: str, run: str) -> str:
    """Return what the names of all executions of a run begin with."""
    slug = "-".join(re.findall(r"[a-zA-Z0-9]+", f"{experiment} {run}"))
    return f"{slug[:_SLUG_LIMIT].rstrip('-')}-"


def stack_prefix(experiment: str) -> str:
    """Return how the names of the experiment's stacks begin: each is `ladder-<experiment>-<concern>`."""
    return f"ladder-{experiment}-"


def stack_name(experiment: str, concern: str) -> str:
    """Return the name of one stack."""
    return f"{stack_prefix(experiment)}{concern}"


def database_name(experiment: str) -> str:
    """Return the name of the Glue database: hyphens would have to be quoted in every query."""
    return f"ladder_{experiment.replace('-', '_')}"

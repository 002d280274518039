"""How the stacks of an experiment are called: by the rule that deploys them, and by the search for what they left."""

from __future__ import annotations

#: The stacks of one experiment. What CloudFormation names after a stack begins with the stack's name.
CONCERNS = ("foundation", "prompting", "rag", "fine-tuning", "reporting", "comparison", "exports")
#: The ends of names that a template fixes, because AWS asks for a name: OpenSearch Serverless collections with their
#: groups and policies, and billing exports. Without an end: workgroup, anomaly monitor and subscription.
SEARCH_ENDS = tuple(f"{kind}{policy}" for kind in ("ng", "cl") for policy in ("", "-fn", "-ft"))
EXPORT_ENDS = ("focus", "cur")


def stack_prefix(experiment: str) -> str:
    """Return how the names of the experiment's stacks begin: each is `ladder-<experiment>-<concern>`."""
    return f"ladder-{experiment}-"


def stack_name(experiment: str, concern: str) -> str:
    """Return the name of one stack."""
    return f"{stack_prefix(experiment)}{concern}"


def database_name(experiment: str) -> str:
    """Return the name of the Glue database: hyphens would have to be quoted in every query."""
    return f"ladder_{experiment.replace('-', '_')}"

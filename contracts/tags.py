"""The cost-allocation tags: the same on what a template deploys, on what a run makes, and on the bill."""

from __future__ import annotations

CELL = "cost-cell"
KEYS = ("project", "experiment", "approach", CELL, "owner")


def cell(experiment: str, approach: str) -> str:
    """Return the value of `cost-cell`: Cost Explorer groups by two keys only, so one key joins both."""
    return f"{experiment}/{approach}"


def values(*, project: str, experiment: str, approach: str, owner: str) -> dict[str, str]:
    """Return key -> value for one approach of an experiment.

    Values stay fixed for the life of an experiment: the tags of an OpenSearch Serverless collection are create-only in
    CloudFormation, so a value that changes with a deployment (a commit, a date) would replace the collection.
    """
    return {
        "project": project,
        "experiment": experiment,
        "approach": approach,
        CELL: cell(experiment, approach),
        "owner": owner,
    }

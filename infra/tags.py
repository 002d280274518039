"""The five cost-allocation tags, the same on a resource in a template and on one that a state machine makes.

Values stay fixed for the life of an experiment: the tags of an OpenSearch Serverless collection are create-only in
CloudFormation, so a value that changes with a deployment (a commit, a date) would replace the collection.
"""

from __future__ import annotations

import aws_cdk as cdk
from constructs import IConstruct

from contracts.experiment import APPROACHES
from contracts.keys import SHARED
from infra.settings import Settings

KEYS = ("project", "experiment", "approach", "cost-cell", "owner")


def values(settings: Settings, approach: str = SHARED) -> dict[str, str]:
    """Tags of one approach. `cost-cell` joins experiment and approach: Cost Explorer groups by two keys only."""
    return {
        "project": settings.project,
        "experiment": settings.experiment,
        "approach": approach,
        "cost-cell": f"{settings.experiment}/{approach}",
        "owner": settings.owner,
    }


def cells(settings: Settings) -> list[str]:
    """All values of `cost-cell` that the experiment's resources carry."""
    return [values(settings, approach)["cost-cell"] for approach in (*APPROACHES, SHARED)]


def apply(scope: IConstruct, settings: Settings, approach: str = SHARED) -> None:
    """Tag everything taggable below `scope`."""
    for key, value in values(settings, approach).items():
        cdk.Tags.of(scope).add(key, value)

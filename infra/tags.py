"""The cost-allocation tags of a deployment's resources."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import IConstruct

from contracts import tags
from contracts.experiment import APPROACHES
from contracts.keys import SHARED
from infra.settings import Settings


def values(settings: Settings, approach: str = SHARED) -> dict[str, str]:
    """Return the tags of one approach, or of what belongs to no single one."""
    return tags.values(
        project=settings.project, experiment=settings.experiment, approach=approach, owner=settings.owner
    )


def cells(settings: Settings) -> list[str]:
    """Return all values of `cost-cell` that the experiment's resources carry."""
    return [tags.cell(settings.experiment, approach) for approach in (*APPROACHES, SHARED)]


def apply(scope: IConstruct, settings: Settings, approach: str = SHARED) -> None:
    """Tag everything taggable below `scope`."""
    for key, value in values(settings, approach).items():
        cdk.Tags.of(scope).add(key, value)

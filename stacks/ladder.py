"""All stacks of one experiment, in the order of their dependencies."""

from __future__ import annotations

import aws_cdk as cdk

from infra.settings import Settings
from infra.stack import LadderStack
from stacks.comparison import Comparison
from stacks.exports import Exports
from stacks.fine_tuning import FineTuning
from stacks.foundation import Foundation
from stacks.guard import Guard
from stacks.prompting import Prompting
from stacks.rag import Rag
from stacks.reporting import Reporting


def build(app: cdk.App, settings: Settings) -> list[LadderStack]:
    guard = Guard(app, settings=settings) if settings.guard else None
    foundation = Foundation(app, settings=settings)
    prompting = Prompting(app, settings=settings, foundation=foundation)
    rag = Rag(app, settings=settings, foundation=foundation)
    fine_tuning = FineTuning(app, settings=settings, foundation=foundation, rag=rag)
    reporting = Reporting(app, settings=settings, foundation=foundation)
    comparison = Comparison(
        app,
        settings=settings,
        foundation=foundation,
        reporting=reporting,
        machines={"prompting": prompting.machine, "rag": rag.machine, "fine-tuning": fine_tuning.machine},
    )
    stacks: list[LadderStack] = [foundation, prompting, rag, fine_tuning, reporting, comparison]
    if settings.cost_exports:
        stacks.append(Exports(app, settings=settings, foundation=foundation))
    if guard is not None:
        foundation.results.allow_usage(guard.watch.role)
        for owner in (prompting, rag, fine_tuning, comparison):
            guard.allow_ending(owner, owner.machine)
        for stack in stacks:
            stack.add_stack_dependency(guard)
        stacks.insert(0, guard)
    return stacks

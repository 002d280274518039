"""Whose a thing is: by its tags where it has any, else by the exact rules that the templates' own names follow.

A word inside a name says nothing: `my-handbook-prod` and `ladder-handbook-2-rag` do not belong to the
experiment `handbook`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from contracts import job_names, tags
from contracts.job_names import CONCERNS, EXPORT_ENDS, SEARCH_ENDS, database_name
from contracts.keys import SHARED

TAG = "experiment"
LAYERS = "AWS::Lambda::LayerVersion"
PROFILES = "AWS::Bedrock::ApplicationInferenceProfile"
_CONCERN = "|".join(map(re.escape, CONCERNS))
#: The bootstrap stack of the CDK belongs to the account, not to an experiment.
_BOOTSTRAP = re.compile(r"CDKToolkit$|cdk-[a-z0-9]{1,10}-(assets|container-assets|[a-z-]+-role)-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why a thing is taken for the experiment's. Weak evidence is no reason to touch it."""

    strength: Literal["strong", "weak"]
    reason: str


class Owner:
    """An experiment, as what it made can be known by. The stacks' names begin with `stack_prefix`."""

    def __init__(self, experiment: str, stack_prefix: str) -> None:
        self.experiment = experiment
        self.stack_prefix = stack_prefix
        self.jobs = job_names.job_pattern(experiment)
        own = re.escape(stack_prefix)
        self._stack = re.compile(rf"{own}(?P<concern>{_CONCERN})(?:-(?P<rest>.+))?")
        self._by_kind = {
            LAYERS: re.compile(rf"{own}(?:{_CONCERN})-[a-z]+"),
            PROFILES: re.compile(rf"{own}(?:{_CONCERN}|{SHARED})-[a-z]+-[0-9a-f]{{8}}"),
        }
        base = stack_prefix.removesuffix("-")
        self._fixed = {
            base,
            database_name(experiment),
            *(f"{base}-{end}" for end in (*SEARCH_ENDS, *EXPORT_ENDS)),
        }

    def is_stack(self, name: str) -> bool:
        """Return whether a stack of this name is the experiment's."""
        match = self._stack.fullmatch(name)
        return match is not None and match["rest"] is None

    def evidence(self, kind: str, name: str, own_tags: Mapping[str, str] | None) -> Evidence | None:
        """Return why a thing is the experiment's, None where it is not.

        Args:
            own_tags: the thing's tags; None where they are not known or it cannot have any.
        """
        if _BOOTSTRAP.match(name):
            return None
        labels = own_tags or {}
        cell, experiment = labels.get(tags.CELL), labels.get(TAG)
        own_cell = cell is not None and cell.partition("/")[0] == self.experiment
        if own_cell:
            return Evidence(strength="strong", reason=f"tag {tags.CELL}={cell}")
        if experiment == self.experiment:
            if cell is None:
                return Evidence(strength="strong", reason=f"tag {TAG}={experiment}")
            return Evidence(strength="weak", reason=f"tag {TAG}={experiment}, but also {tags.CELL}={cell}")
        if cell is not None or experiment is not None:
            return None  # it says itself whose it is
        if reason := self.named(kind, name):
            return Evidence(strength="strong", reason=reason)
        if name.startswith(self.stack_prefix) and not self._of_a_sibling(name) and not labels:
            return Evidence(strength="weak", reason=f"name begins with {self.stack_prefix}, but no stack is called so")
        return None

    def named(self, kind: str, name: str) -> str:
        """Return which rule of names the name follows; empty where none."""
        if pattern := self._by_kind.get(kind):
            return f"name of its {kind.rpartition('::')[2]}" if pattern.fullmatch(name) else ""
        # Log groups, rules of a bus, tables of a database: the parts of a path are names.
        for part in name.split("/"):
            match = self._stack.fullmatch(part)
            if match and not _segments(match["rest"]) & set(CONCERNS):
                return f"name of its stack {self.stack_prefix}{match['concern']}"
            if part in self._fixed:
                return f"name {part}"
            if self.jobs.fullmatch(part):
                return "name of a fine-tuning job"
        return ""

    def _of_a_sibling(self, name: str) -> bool:
        """Return whether another experiment, whose name begins with this one's, has stacks that are called so."""
        return bool(_segments(name.removeprefix(self.stack_prefix)) & {*CONCERNS, *SEARCH_ENDS, *EXPORT_ENDS})


def _segments(text: str | None) -> set[str]:
    """Return every run of whole hyphenated words in a name: `a-b` gives a, b and a-b."""
    words = (text or "").split("-")
    return {"-".join(words[first:end]) for first in range(len(words)) for end in range(first + 1, len(words) + 1)}

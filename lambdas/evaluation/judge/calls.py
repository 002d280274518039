"""Calls of the judge's model: each is paid for once, its reply and its tokens are kept in the bucket.

A reply is found again by a hash of everything that was asked, the model included: a repeated evaluation asks what is
new, and another rubric or another answer is asked anew. The tokens are metered apart from the approach, as usage of the
run that no approach bears, which is how they are tagged too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts import keys
from contracts.json_codec import to_json
from contracts.money import UsageRow
from contracts.run import JudgementRow
from contracts.times import Deadline
from lambdas.common import bedrock
from lambdas.common.bedrock import ModelCallError
from lambdas.common.metering import Meter
from lambdas.common.prompts import Prompt
from lambdas.common.runtime import MODEL_WORKERS, DeadlineError, map_bounded
from lambdas.common.settings import JudgeSettings
from lambdas.common.step import Step
from lambdas.common.store import MissingObjectError

#: Of the invocation's time; the rest is for scoring what was judged.
SHARE_OF_TIME = 0.75


class JudgingUnfinishedError(RuntimeError):
    """The time of the invocation ran out, or the model was overloaded. What was judged is kept: call the step again."""


@dataclass(frozen=True, slots=True)
class Call:
    """One question to the judge; `subject` tells people what it was about."""

    subject: str
    prompt: Prompt


class Calls:
    """Asks the judge within the time of a step. `client` is a bedrock-runtime client."""

    def __init__(self, step: Step, settings: JudgeSettings, client: Any, approach: str) -> None:
        self._step = step
        self._settings = settings
        self._client = client
        self._approach = approach
        self._deadline = Deadline.after(step.deadline.remaining_s() * SHARE_OF_TIME)
        self.asked = 0
        self.failed = 0

    def replies(self, approach: str, part: str, calls: Sequence[Call]) -> list[str | None]:
        """Return the reply to each call, kept as `part` below `approach`; None where the call failed for good.

        Raises:
            JudgingUnfinishedError: the time ran out, or a call failed that may succeed later; the replies so far are
                kept.
        """
        manifest, results = self._step.manifest, self._step.results
        key = keys.judgements(manifest.experiment, manifest.run, approach, part)
        by_hash = {self._hash(call): call for call in calls}
        kept = {row.asked: row for row in self._stored(key, JudgementRow) if row.asked in by_hash}
        missing = [(name, call) for name, call in by_hash.items() if name not in kept]
        found = map_bounded(lambda item: self._ask(*item), missing, MODEL_WORKERS)
        fresh = [row for row in found if isinstance(row, JudgementRow)]
        usage_key = keys.usage(manifest.experiment, manifest.run, keys.SHARED, f"judge-{self._approach}-{part}")
        earlier = self._stored(usage_key, UsageRow)
        # An invocation may have died after it had written replies and before it wrote their usage.
        unmetered = [] if earlier else list(kept.values())
        if fresh:
            kept |= {row.asked: row for row in fresh}
            results.write(key, kept.values())
        if fresh or unmetered:
            results.write(usage_key, [*earlier, *self._usage([*unmetered, *fresh])])
        self.asked += len(missing)
        self.failed += sum(row is None for row in found)
        later = next((row for row in found if isinstance(row, Exception)), None)
        if later is not None:
            raise JudgingUnfinishedError(
                f"judge {self._settings.model_id}, part {part} of {approach}: {later}; call the step again"
            ) from later
        names = map(self._hash, calls)
        return [kept[name].text if name in kept else None for name in names]

    def _ask(self, name: str, call: Call) -> JudgementRow | Exception | None:
        """Return the reply, the error of a call that may succeed later, or None for one that failed for good."""
        manifest = self._step.manifest
        metadata = {"experiment": manifest.experiment, "run": manifest.run, "approach": keys.SHARED, "step": "judge"}
        try:
            given = bedrock.converse(
                self._client, self._settings.profile_arn, call.prompt, deadline=self._deadline, metadata=metadata
            )
        except DeadlineError as error:
            return error
        except ModelCallError as error:
            self._step.log.error("judge not reached", subject=call.subject, error=str(error), attempts=error.attempts)
            return error if error.retryable else None
        return JudgementRow(
            experiment=manifest.experiment,
            run=manifest.run,
            subject=call.subject,
            asked=name,
            text=given.text,
            model_id=self._settings.model_id,
            input_tokens=given.input_tokens,
            output_tokens=given.output_tokens,
            cached_tokens=given.cached_tokens,
        )

    def _hash(self, call: Call) -> str:
        return hashlib.sha256(f"{self._settings.model_id}\n{to_json(call.prompt)}".encode()).hexdigest()[:32]

    def _stored(self, key: str, cls: type[Any]) -> list[Any]:
        try:
            found: list[Any] = self._step.results.read(key, cls)
        except MissingObjectError:
            return []
        return found

    def _usage(self, rows: Sequence[JudgementRow]) -> list[UsageRow]:
        manifest = self._step.manifest
        meter = Meter(
            experiment=manifest.experiment,
            run=manifest.run,
            approach=keys.SHARED,
            region=self._step.settings.region,
        )
        for row in rows:
            meter.generated(
                row.model_id,
                input_tokens=row.input_tokens,
                output_tokens=row.output_tokens,
                cached_tokens=row.cached_tokens,
            )
        return meter.rows()

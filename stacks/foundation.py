"""What all approaches share: the bucket, the run table, the alarms' topic, and the scoring of answers."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk

from contracts.keys import SHARED
from infra.alarms import AlarmTopic, function_errors
from infra.functions.function import Function
from infra.functions.layer_version import layer_version
from infra.functions.layers import EVALUATION, RETRIEVAL
from infra.inference_profile import InferenceProfile
from infra.results import Results
from infra.settings import Settings
from infra.stack import APPROACHES, LadderStack


class Foundation(LadderStack):
    """Deployed first, destroyed last."""

    def __init__(self, scope: cdk.App, *, settings: Settings) -> None:
        super().__init__(scope, "foundation", settings=settings, description="results, runs, scoring")
        self.results = Results(self, "Results", settings=settings)
        self.alarms = AlarmTopic(self, "Alarms", settings=settings)
        judge = self._judge(settings.judge_model)
        self.evaluate = Function(
            self,
            "Evaluate",
            settings=settings,
            handler="lambdas.evaluation.handler.evaluate",
            description="Scores the answers of one approach",
            environment={**self.environment_for(self.approach), **(judge.environment() if judge else {})},
            memory_mb=3008,
            # A judge reads the pages of an answer as they were cut for the index.
            layers=[
                layer_version(self, recipe, settings) for recipe in ([EVALUATION, RETRIEVAL] if judge else [EVALUATION])
            ],
        )
        self.results.allow_read(self.evaluate.role)
        self.results.allow_write(self.evaluate.role, *APPROACHES)
        if judge is not None:
            judge.allow_invoke(self.evaluate.role)
            for below in ("judgements/", "usage/part-judge-"):
                self.results.allow_write(self.evaluate.role, SHARED, below=below)
        function_errors(self, [self.evaluate.function], self.alarms.topic)
        self.output("BucketName", self.results.bucket.bucket_name, "Everything that runs write")
        self.output("RunTableName", self.results.table.table_name, "Records of runs")
        self.output("AlarmTopicArn", self.alarms.topic.topic_arn, "Where alarms arrive; subscribe to it")

    def _judge(self, model_id: str | None) -> InferenceProfile | None:
        """Return the profile of the judge's model, whose cost no approach bears; None without a judge."""
        if model_id is None:
            return None
        return InferenceProfile(
            self, "Judge", settings=self.settings, approach=self.approach, role="judge", model_id=model_id
        )

    def environment_for(self, approach: str) -> dict[str, str]:
        """Return the environment variables of every function."""
        return {
            "BUCKET": self.results.bucket.bucket_name,
            "EXPERIMENT": self.settings.experiment,
            "APPROACH": approach,
        }

    def function(self, stack: LadderStack, name: str, **options: Any) -> Function:
        """A function of another stack, which may read the experiment and write the objects of the stack's approach.

        `options` are those of `Function`; `environment` is added to what every function is told.
        """
        own = options.pop("environment", {})
        function = Function(
            stack,
            name,
            settings=self.settings,
            environment={**self.environment_for(stack.approach), **own},
            **options,
        )
        self.results.allow_read(function.role)
        self.results.allow_write(function.role, stack.approach)
        return function

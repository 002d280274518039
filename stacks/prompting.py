"""The first rung: answers from the model and the prompt alone."""

from __future__ import annotations

import aws_cdk as cdk

from infra import alarms
from infra.inference_profile import InferenceProfile
from infra.prompting import state_machine as prompting
from infra.settings import Settings
from infra.stack import LadderStack
from infra.state_machine import Machine
from stacks.foundation import Foundation


class Prompting(LadderStack):
    def __init__(self, scope: cdk.App, *, settings: Settings, foundation: Foundation) -> None:
        super().__init__(scope, "prompting", settings=settings, approach="prompting", description="prompting")
        answering = settings.answering("prompting")
        generator = InferenceProfile(
            self,
            "Generator",
            settings=settings,
            approach=self.approach,
            role="generator",
            model_id=settings.models.generator,
        )
        prepare = foundation.function(
            self,
            "Prepare",
            handler="lambdas.prompting.handler.prepare",
            description="Asks the model once and lists the batches of questions",
            environment=generator.environment(),
        )
        answer = foundation.function(
            self,
            "Answer",
            handler="lambdas.prompting.handler.answer",
            description="Answers a batch of questions by prompting",
            environment={**generator.environment(), "MODEL_WORKERS": str(answering.workers)},
        )
        for asking in (prepare, answer):
            generator.allow_invoke(asking.role)
        self.machine = Machine(
            self,
            "Pipeline",
            settings=settings,
            definition=prompting.definition(concurrency=answering.concurrency),
            functions={"Prepare": prepare, "Answer": answer, "Evaluate": foundation.evaluate},
        )
        foundation.results.allow_items(self.machine.role, self.approach)
        alarms.executions(self, self.machine.machine, foundation.alarms.topic)
        alarms.function_errors(self, [prepare.function, answer.function], foundation.alarms.topic)
        self.output("StateMachineArn", self.machine.arn, "Runs the prompting approach")

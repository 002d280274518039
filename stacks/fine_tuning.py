"""The third rung: a small open model with adapters that are trained for the task."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk.aws_lambda import LayerVersion

from infra import alarms, tags
from infra.fine_tuning import permissions as sagemaker
from infra.fine_tuning import state_machine as fine_tuning
from infra.fine_tuning.sweep_machine import sweep_after
from infra.functions.function import Function
from infra.functions.layer_version import layer_version
from infra.functions.layers import RETRIEVAL
from infra.inference_profile import InferenceProfile
from infra.settings import Settings
from infra.stack import LadderStack
from infra.state_machine import Machine
from stacks.foundation import Foundation
from stacks.rag import Rag


class FineTuning(LadderStack):
    """No endpoint stands here: the state machine makes one for the questions of a run and deletes it."""

    def __init__(self, scope: cdk.App, *, settings: Settings, foundation: Foundation, rag: Rag) -> None:
        super().__init__(scope, "fine-tuning", settings=settings, approach="fine-tuning", description="fine-tuning")
        models, answering = settings.models, settings.answering("fine-tuning")
        embedding = InferenceProfile(
            self, "Embedding", settings=settings, approach=self.approach, role="embedding", model_id=models.embedding
        )
        layers = [layer_version(self, RETRIEVAL, settings)]
        search = {
            **rag.store.environment(),
            **embedding.environment(),
            "EMBEDDING_DIMENSIONS": str(models.embedding_dimensions),
            "FINE_TUNING_BASE": models.fine_tuning_base,
            "FINE_TUNING_BASE_REVISION": settings.base_revision,
        }
        prepare = self._prepare(foundation, settings, search, layers)
        answer = foundation.function(
            self,
            "Answer",
            handler="lambdas.fine_tuning.handler.answer",
            description="Answers a batch of questions by the endpoint",
            environment={**search, "MODEL_WORKERS": str(answering.workers)},
            memory_mb=1024,
            layers=layers,
        )
        record_usage = foundation.function(
            self,
            "RecordUsage",
            handler="lambdas.fine_tuning.handler.record_usage",
            description="Writes down what the training job and the endpoint used",
            layers=layers,
        )
        for function in (prepare, answer):
            embedding.allow_invoke(function.role)
        rag.store.grant(self, readers=[prepare.role, answer.role])
        own_tags = tags.values(settings, self.approach)
        sagemaker.allow_invoke(answer.role, own_tags)
        job_role = sagemaker.execution_role(self, "JobRole", settings=settings, results=foundation.results)
        self.machine = Machine(
            self,
            "Pipeline",
            settings=settings,
            definition=fine_tuning.definition(
                concurrency=answering.concurrency,
                training_instance=models.training_instance,
                hosting_instance=models.hosting_instance,
            ),
            functions={
                "Prepare": prepare,
                "Answer": answer,
                "RecordUsage": record_usage,
                "Evaluate": foundation.evaluate,
            },
            values={
                "SageMakerRole": job_role.role_arn,
                "TrainingImage": settings.training_image,
                "HostingImage": settings.hosting_image,
            },
        )
        sagemaker.allow_orchestration(self.machine.role, settings=settings, tags=own_tags, job_role=job_role)
        foundation.results.allow_items(self.machine.role, self.approach)
        sweep = sweep_after(self, self.machine, settings=settings, tags=own_tags)
        alarms.executions(self, self.machine.machine, foundation.alarms.topic)
        alarms.executions(sweep, sweep.machine, foundation.alarms.topic)
        alarms.function_errors(self, [f.function for f in (prepare, answer, record_usage)], foundation.alarms.topic)
        self.output("StateMachineArn", self.machine.arn, "Runs the fine-tuning approach")
        self.output("JobRoleArn", job_role.role_arn, "The role of training jobs and endpoints")

    def _prepare(
        self, foundation: Foundation, settings: Settings, search: Mapping[str, str], layers: list[LayerVersion]
    ) -> Function:
        """Return the function that works out what is trained and how its server is started."""
        return foundation.function(
            self,
            "Prepare",
            handler="lambdas.fine_tuning.handler.prepare",
            description="Writes the training data and code, names the job",
            environment={
                **search,
                "PROJECT": settings.project,
                "OWNER": settings.owner,
                "HOSTING_INSTANCE": settings.models.hosting_instance,
                "REQUESTS_IN_FLIGHT": str(settings.endpoint_in_flight),
            },
            memory_mb=1024,
            layers=layers,
            data=["lambdas/fine_tuning/training/*"],
        )

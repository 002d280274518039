"""The second rung: answers from the model and from pages that a search has found."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk

from infra import alarms
from infra.functions.function import Function
from infra.functions.layer_version import layer_version
from infra.functions.layers import RETRIEVAL
from infra.inference_profile import InferenceProfile
from infra.rag import state_machine as rag
from infra.rag.vector_store import vector_store
from infra.settings import Settings
from infra.stack import LadderStack
from infra.state_machine import Machine
from stacks.foundation import Foundation


class Rag(LadderStack):
    """Holds the vector store, which fine-tuning searches too: its cost is RAG's."""

    def __init__(self, scope: cdk.App, *, settings: Settings, foundation: Foundation) -> None:
        super().__init__(scope, "rag", settings=settings, approach="rag", description="retrieval-augmented generation")
        models, answering = settings.models, settings.answering("rag")
        generator, embedding = (
            InferenceProfile(
                self,
                role.capitalize(),
                settings=settings,
                approach=self.approach,
                role=role,
                model_id=model_id,
            )
            for role, model_id in (("generator", models.generator), ("embedding", models.embedding))
        )
        self.store = vector_store(self, "Store", settings=settings)
        layers = [layer_version(self, RETRIEVAL, settings)]
        search = {
            **self.store.environment(),
            **embedding.environment(),
            "EMBEDDING_DIMENSIONS": str(models.embedding_dimensions),
        }

        def function(name: str, entry: str, description: str, more: Mapping[str, str] | None = None) -> Function:
            return foundation.function(
                self,
                name,
                handler=f"lambdas.rag.handler.{entry}",
                description=description,
                environment={**search, **(more or {})},
                memory_mb=1024,
                layers=layers,
            )

        prepare = function(
            "Prepare",
            "prepare",
            "Asks both models once, cleans the index, lists the batches of documents and questions",
            generator.environment(),
        )
        ingest = function("Ingest", "ingest", "Cuts, embeds and indexes a batch of documents")
        await_index = function("AwaitIndex", "await_index", "Says whether the index shows what was written")
        answer = function(
            "Answer",
            "answer",
            "Answers a batch of questions with the pages that it finds",
            {**generator.environment(), "MODEL_WORKERS": str(answering.workers)},
        )
        for asking in (prepare, answer):
            generator.allow_invoke(asking.role)
        for asking in (prepare, ingest, answer):
            embedding.allow_invoke(asking.role)
        self.store.grant(self, writers=[prepare.role, ingest.role, await_index.role], readers=[answer.role])
        self.machine = Machine(
            self,
            "Pipeline",
            settings=settings,
            definition=rag.definition(concurrency=answering.concurrency),
            functions={
                "Prepare": prepare,
                "Ingest": ingest,
                "AwaitIndex": await_index,
                "Answer": answer,
                "Evaluate": foundation.evaluate,
            },
        )
        foundation.results.allow_items(self.machine.role, self.approach)
        alarms.executions(self, self.machine.machine, foundation.alarms.topic)
        alarms.function_errors(
            self, [f.function for f in (prepare, ingest, await_index, answer)], foundation.alarms.topic
        )
        self.output("StateMachineArn", self.machine.arn, "Runs the RAG approach")
        self.output("SearchEndpoint", self.store.endpoint, "The vector store")

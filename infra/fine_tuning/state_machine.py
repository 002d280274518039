"""Fine-tuning: train, host for as long as the questions take, delete what is charged by the hour in every outcome.

Whatever fails after `Prepare` is caught and put at `$.failure`; the way to the end then leads through the same
clean-up as success does, and the execution fails after it. The machine has no time limit of its own, because an
execution that runs out of time runs no clean-up: the parts that wait are limited instead.
"""

from __future__ import annotations

from infra import common_states
from infra.fine_tuning.clean_up import clean_up, end
from infra.fine_tuning.hosting import hosting
from infra.fine_tuning.training import training


def definition(*, concurrency: int, training_instance: str, hosting_instance: str) -> common_states.State:
    """Return the definition. Its input is `{"experiment", "run"}`.

    Functions: Prepare, Answer, RecordUsage, Evaluate; placeholders SageMakerRole, TrainingImage, HostingImage.
    """
    return {
        "Comment": "Trains adapters, hosts them while the questions are answered, and deletes the endpoint.",
        "StartAt": "Prepare",
        "States": {
            **training(training_instance),
            **hosting(hosting_instance, concurrency),
            **clean_up(),
            **end(hosting_instance),
        },
    }

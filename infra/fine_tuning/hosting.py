"""Host: make the endpoint, wait for it, answer the questions by it."""

from __future__ import annotations

from infra import common_states
from infra.fine_tuning import images, outcomes
from infra.fine_tuning import states as sagemaker

POLL_S = 30
#: Polls until an endpoint must be in service: 1 hour.
ENDPOINT_POLLS = 120
#: The archive with the adapters has some hundred megabytes.
DOWNLOAD_S = 600
#: The server answers its health check when it has fetched the base (8 GB), loaded it and captured its graphs.
START_S = 1800
CAUGHT = outcomes.caught("EndpointAsked")


def hosting(instance: str, concurrency: int) -> common_states.States:
    """Return the states from `CreateModel` to `DeleteEndpoint`; a failure leads to `EndpointAsked`."""
    return {
        **_create(instance),
        **_await(),
        **common_states.answering(
            "fine-tuning",
            concurrency=concurrency,
            then="DeleteEndpoint",
            extra={"endpoint": "$.prepared.payload.names.endpoint"},
            catch=CAUGHT,
            given_up=outcomes.failure("AnswersLeft", "$.settled.payload.message"),
        ),
    }


def _create(instance: str) -> common_states.States:
    return {
        "CreateModel": sagemaker.call(
            "createModel",
            {
                "ModelName.$": "$.prepared.payload.names.model",
                "ExecutionRoleArn": "${SageMakerRole}",
                "PrimaryContainer": {
                    "Image": "${HostingImage}",
                    # Adapters, tokenizer and record; the server fetches the base itself, by its commit.
                    "ModelDataUrl.$": "$.made.model",
                    "Environment.$": "$.prepared.payload.server",
                },
                "Tags.$": "$.prepared.payload.tags",
            },
            then="CreateEndpointConfig",
            catch=CAUGHT,
        ),
        "CreateEndpointConfig": sagemaker.call(
            "createEndpointConfig",
            {
                "EndpointConfigName.$": "$.prepared.payload.names.endpoint_config",
                "ProductionVariants": [
                    {
                        "VariantName": "all",
                        "ModelName.$": "$.prepared.payload.names.model",
                        "InstanceType": instance,
                        "InitialInstanceCount": 1,
                        "InferenceAmiVersion": images.HOSTING_MACHINE,
                        "ModelDataDownloadTimeoutInSeconds": DOWNLOAD_S,
                        "ContainerStartupHealthCheckTimeoutInSeconds": START_S,
                    }
                ],
                "Tags.$": "$.prepared.payload.tags",
            },
            then="NoteEndpointStart",
            catch=CAUGHT,
        ),
        # Noted before the call: if its answer is lost, the endpoint may exist all the same.
        "NoteEndpointStart": outcomes.note_time("$.made.endpoint.started", then="CreateEndpoint"),
        "CreateEndpoint": sagemaker.call(
            "createEndpoint",
            {
                "EndpointName.$": "$.prepared.payload.names.endpoint",
                "EndpointConfigName.$": "$.prepared.payload.names.endpoint_config",
                "Tags.$": "$.prepared.payload.tags",
            },
            then="WaitForEndpoint",
            catch=CAUGHT,
        ),
    }


def _await() -> common_states.States:
    return {
        "WaitForEndpoint": common_states.wait(POLL_S, then="DescribeEndpoint"),
        "DescribeEndpoint": {
            **sagemaker.call(
                "describeEndpoint",
                {"EndpointName.$": "$.prepared.payload.names.endpoint"},
                then="CountEndpointPoll",
                catch=CAUGHT,
            ),
            "ResultPath": "$.made.hosting",
        },
        "CountEndpointPoll": common_states.count("$.made.polls", then="EndpointStatus"),
        "EndpointStatus": {
            "Type": "Choice",
            "Choices": [
                sagemaker.status("$.made.hosting.EndpointStatus", "InService", "StartRounds"),
                {
                    "Not": {"Variable": "$.made.hosting.EndpointStatus", "StringEquals": "Creating"},
                    "Next": "EndpointFailed",
                },
                {
                    "Variable": "$.made.polls.count",
                    "NumericGreaterThanEquals": ENDPOINT_POLLS,
                    "Next": "EndpointLate",
                },
            ],
            "Default": "WaitForEndpoint",
        },
        "EndpointFailed": outcomes.failure("EndpointFailed", "States.JsonToString($.made.hosting)"),
        "EndpointLate": outcomes.failure(
            "EndpointLate",
            "States.Format('endpoint {} was not in service after 1 hour', $.prepared.payload.names.endpoint)",
        ),
    }

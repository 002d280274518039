"""Fine-tuning: train, host for as long as the questions take, delete what is charged by the hour in every outcome.

Whatever fails after `Prepare` is caught and put at `$.failure`; the way to the end then leads through the same
clean-up as success does, and the execution fails after it. The machine has no time limit of its own, because an
execution that runs out of time runs no clean-up: the parts that wait are limited instead.
"""

from __future__ import annotations

from infra import common_states
from infra.fine_tuning import states as sagemaker

POLL_S = 30
#: Seconds of training before SageMaker stops the job itself.
TRAINING_LIMIT_S = 4 * 3600
#: 1 hour for an endpoint to come up, 15 minutes for a stopped job to end.
ENDPOINT_POLLS, STOP_POLLS = 120, 30
VOLUME_GB = 50

#: Run by `bash -c` in the training container, whose working directory is the root.
START = "cd /opt/ml/input/data/code && python -m pip install --quiet -r requirements.txt && python train.py"


def definition(*, concurrency: int, training_instance: str, hosting_instance: str) -> common_states.State:
    """Input `{"experiment", "run"}`. Functions: Prepare, Answer, RecordUsage, Evaluate; placeholders SageMakerRole,
    TrainingImage, HostingImage."""
    return {
        "Comment": "Trains adapters, hosts them while the questions are answered, and deletes the endpoint.",
        "StartAt": "Prepare",
        "States": {
            **_training(training_instance),
            **_hosting(hosting_instance, concurrency),
            **_clean_up(),
            **_end(hosting_instance),
        },
    }


def _training(instance: str) -> common_states.States:
    stopping = _caught("StopTrainingJob")
    return {
        "Prepare": common_states.invoke(
            "Prepare", {"execution.$": "$$.Execution.Name"}, then="StartRecord", result="$.prepared"
        ),
        "StartRecord": {
            "Type": "Pass",
            "Result": {
                "training": None,
                "model": None,
                "endpoint": {"started": None, "deleted": None},
                "polls": {"count": 0},
            },
            "ResultPath": "$.made",
            "Next": "NeedsTraining",
        },
        "NeedsTraining": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.prepared.payload.train", "BooleanEquals": True, "Next": "CreateTrainingJob"}],
            "Default": "UseTrainedModel",
        },
        "UseTrainedModel": {
            "Type": "Pass",
            "InputPath": "$.prepared.payload.model_data_url",
            "ResultPath": "$.made.model",
            "Next": "DescribeTrainedJob",
        },
        # The execution that trained may have been stopped before it wrote down what that cost. An embedded AWS that was
        # started anew does not know the job; what is known of its cost is among the objects that it was given back.
        "DescribeTrainedJob": _describe_training(then="CreateModel", catch=sagemaker.passed("CreateModel")),
        "CreateTrainingJob": sagemaker.call(
            "createTrainingJob",
            {
                "TrainingJobName.$": "$.prepared.payload.training_job_name",
                "RoleArn": "${SageMakerRole}",
                "AlgorithmSpecification": {
                    "TrainingImage": "${TrainingImage}",
                    "TrainingInputMode": "File",
                    "ContainerEntrypoint": ["bash", "-c"],
                    "ContainerArguments": [START],
                },
                "InputDataConfig": [
                    _channel("code", "$.prepared.payload.code_url"),
                    _channel("train", "$.prepared.payload.training_data_url"),
                ],
                "OutputDataConfig": {"S3OutputPath.$": "$.prepared.payload.output_url"},
                "CheckpointConfig": {
                    "S3Uri.$": "$.prepared.payload.checkpoint_url",
                    "LocalPath": "/opt/ml/checkpoints",
                },
                "ResourceConfig": {"InstanceType": instance, "InstanceCount": 1, "VolumeSizeInGB": VOLUME_GB},
                "StoppingCondition": {"MaxRuntimeInSeconds": TRAINING_LIMIT_S},
                "HyperParameters.$": "$.prepared.payload.hyperparameters",
                "Tags.$": "$.prepared.payload.tags",
            },
            then="WaitForTraining",
            catch=stopping,
        ),
        "WaitForTraining": common_states.wait(POLL_S, then="DescribeTrainingJob"),
        "DescribeTrainingJob": _describe_training(then="TrainingStatus", catch=stopping),
        "TrainingStatus": {
            "Type": "Choice",
            "Choices": [
                sagemaker.status("$.made.training.TrainingJobStatus", "Completed", "UseNewModel"),
                sagemaker.status("$.made.training.TrainingJobStatus", "Failed", "TrainingFailed"),
                sagemaker.status("$.made.training.TrainingJobStatus", "Stopped", "TrainingStopped"),
            ],
            "Default": "WaitForTraining",
        },
        "TrainingFailed": _failure("TrainingFailed", "$.made.training.FailureReason"),
        "TrainingStopped": _failure(
            "TrainingStopped",
            "States.Format('training job {} was stopped from outside', $.made.training.TrainingJobName)",
        ),
        "UseNewModel": {
            "Type": "Pass",
            "InputPath": "$.made.training.ModelArtifacts.S3ModelArtifacts",
            "ResultPath": "$.made.model",
            "Next": "RecordTraining",
        },
        # At once, because an execution that is stopped from now on must not take the most expensive step's cost along.
        "RecordTraining": common_states.invoke(
            "RecordUsage",
            {"training.$": "$.made.training"},
            then="CreateModel",
            result=None,
            catch=_caught("EndpointAsked"),
        ),
        # Reached by failures only. The job's charge is known once it has ended.
        "StopTrainingJob": sagemaker.call(
            "stopTrainingJob",
            {"TrainingJobName.$": "$.prepared.payload.training_job_name"},
            then="WaitForStop",
            catch=sagemaker.passed("WaitForStop"),
        ),
        "WaitForStop": common_states.wait(POLL_S, then="DescribeStoppedJob"),
        "DescribeStoppedJob": _describe_training(then="CountStopPoll", catch=sagemaker.passed("EndpointAsked")),
        "CountStopPoll": common_states.count("$.made.polls", then="StopStatus"),
        "StopStatus": {
            "Type": "Choice",
            "Choices": [
                {
                    "Or": [
                        {"Variable": "$.made.training.TrainingJobStatus", "StringEquals": status}
                        for status in ("Completed", "Failed", "Stopped")
                    ],
                    "Next": "EndpointAsked",
                },
                {"Variable": "$.made.polls.count", "NumericGreaterThanEquals": STOP_POLLS, "Next": "EndpointAsked"},
            ],
            "Default": "WaitForStop",
        },
    }


def _hosting(instance: str, concurrency: int) -> common_states.States:
    caught = _caught("EndpointAsked")
    return {
        "CreateModel": sagemaker.call(
            "createModel",
            {
                "ModelName.$": "$.prepared.payload.names.model",
                "ExecutionRoleArn": "${SageMakerRole}",
                "PrimaryContainer": {
                    "Image": "${HostingImage}",
                    "ModelDataUrl.$": "$.made.model",
                    "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
                },
                "Tags.$": "$.prepared.payload.tags",
            },
            then="CreateEndpointConfig",
            catch=caught,
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
                        "ContainerStartupHealthCheckTimeoutInSeconds": 900,
                    }
                ],
                "Tags.$": "$.prepared.payload.tags",
            },
            then="NoteEndpointStart",
            catch=caught,
        ),
        # Noted before the call: if its answer is lost, the endpoint may exist all the same.
        "NoteEndpointStart": _note_time("$.made.endpoint.started", then="CreateEndpoint"),
        "CreateEndpoint": sagemaker.call(
            "createEndpoint",
            {
                "EndpointName.$": "$.prepared.payload.names.endpoint",
                "EndpointConfigName.$": "$.prepared.payload.names.endpoint_config",
                "Tags.$": "$.prepared.payload.tags",
            },
            then="WaitForEndpoint",
            catch=caught,
        ),
        "WaitForEndpoint": common_states.wait(POLL_S, then="DescribeEndpoint"),
        "DescribeEndpoint": {
            **sagemaker.call(
                "describeEndpoint",
                {"EndpointName.$": "$.prepared.payload.names.endpoint"},
                then="CountEndpointPoll",
                catch=caught,
            ),
            "ResultPath": "$.made.hosting",
        },
        "CountEndpointPoll": common_states.count("$.made.polls", then="EndpointStatus"),
        "EndpointStatus": {
            "Type": "Choice",
            "Choices": [
                sagemaker.status("$.made.hosting.EndpointStatus", "InService", "AnswerAll"),
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
        "EndpointFailed": _failure("EndpointFailed", "States.JsonToString($.made.hosting)"),
        "EndpointLate": _failure(
            "EndpointLate",
            "States.Format('endpoint {} was not in service after 1 hour', $.prepared.payload.names.endpoint)",
        ),
        "AnswerAll": common_states.answer_batches(
            concurrency=concurrency,
            then="DeleteEndpoint",
            extra={"endpoint": "$.prepared.payload.names.endpoint"},
            catch=caught,
        ),
    }


def _clean_up() -> common_states.States:
    """Every way on from `CreateTrainingJob` leads through here. Configuration and model cost nothing: that one of them
    is not there, or is refused, changes nothing."""
    left = (
        "States.Format('endpoint {} may still run and be charged by the hour: delete it', "
        "$.prepared.payload.names.endpoint)"
    )
    return {
        "EndpointAsked": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.made.endpoint.started", "IsNull": True, "Next": "DeleteEndpointConfig"},
            ],
            "Default": "DeleteEndpoint",
        },
        **sagemaker.delete_endpoint("$.prepared.payload.names.endpoint", then="NoteEndpointEnd", left="EndpointLeft"),
        "EndpointLeft": _unless_failed("AddEndpointLeft", "NoteEndpointLeft"),
        # The first failure stays the cause, and is told what came on top of it.
        "AddEndpointLeft": {
            "Type": "Pass",
            "Parameters": {"Cause.$": left},
            "ResultPath": "$.failure.EndpointLeft",
            "Next": "NoteEndpointEnd",
        },
        "NoteEndpointLeft": {**_failure("EndpointLeft", left), "Next": "NoteEndpointEnd"},
        "NoteEndpointEnd": _note_time("$.made.endpoint.deleted", then="DeleteEndpointConfig"),
        "DeleteEndpointConfig": sagemaker.delete(
            "deleteEndpointConfig",
            "EndpointConfigName",
            "$.prepared.payload.names.endpoint_config",
            then="DeleteModel",
        ),
        "DeleteModel": sagemaker.delete(
            "deleteModel", "ModelName", "$.prepared.payload.names.model", then="TrainingBilled"
        ),
    }


def _end(hosting_instance: str) -> common_states.States:
    return {
        # A job that was stopped before its instance started has no billed time, hence no usage.
        "TrainingBilled": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.made.training.BillableTimeInSeconds", "IsPresent": True, "Next": "RecordUsage"}
            ],
            "Default": "DropTraining",
        },
        "DropTraining": {"Type": "Pass", "Result": None, "ResultPath": "$.made.training", "Next": "RecordUsage"},
        "RecordUsage": common_states.invoke(
            "RecordUsage",
            {
                "training.$": "$.made.training",
                "endpoint_started.$": "$.made.endpoint.started",
                "endpoint_deleted.$": "$.made.endpoint.deleted",
                "hosting_instance": hosting_instance,
            },
            then="AwaitEndpointEnd",
            result=None,
            catch=sagemaker.passed("UsageLeft"),
        ),
        "UsageLeft": _unless_failed("AwaitEndpointEnd", "NoteUsageLeft"),
        "NoteUsageLeft": {
            "Type": "Pass",
            "InputPath": "$.clean_up",
            "ResultPath": "$.failure",
            "Next": "AwaitEndpointEnd",
        },
        # Last, because it may take minutes: what was used is written down by then.
        **sagemaker.delete_logs("$.prepared.payload.names.endpoint", then="Outcome"),
        "Outcome": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.failure", "IsPresent": True, "Next": "Failed"}],
            "Default": "Evaluate",
        },
        "Failed": {
            "Type": "Fail",
            "ErrorPath": "$.failure.Error",
            "CausePath": "States.JsonToString($.failure)",
        },
        "Evaluate": common_states.evaluate("fine-tuning"),
    }


def _describe_training(*, then: str, catch: list[common_states.State]) -> common_states.State:
    call = sagemaker.call(
        "describeTrainingJob",
        {"TrainingJobName.$": "$.prepared.payload.training_job_name"},
        then=then,
        catch=catch,
    )
    return {**call, "ResultPath": "$.made.training"}


def _channel(name: str, uri: str) -> common_states.State:
    return {
        "ChannelName": name,
        "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri.$": uri, "S3DataDistributionType": "FullyReplicated"}
        },
    }


def _caught(then: str) -> list[common_states.State]:
    """Remember the error; the execution will fail with it after the clean-up."""
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": then}]


def _unless_failed(failed: str, then: str) -> common_states.State:
    """`failed` comes next where a failure is remembered already."""
    return {
        "Type": "Choice",
        "Choices": [{"Variable": "$.failure", "IsPresent": True, "Next": failed}],
        "Default": then,
    }


def _failure(error: str, cause: str) -> common_states.State:
    """An outcome of SageMaker's that is no error of a call."""
    return {
        "Type": "Pass",
        "Parameters": {"Error": error, "Cause.$": cause},
        "ResultPath": "$.failure",
        "Next": "EndpointAsked",
    }


def _note_time(path: str, *, then: str) -> common_states.State:
    return {"Type": "Pass", "InputPath": "$$.State.EnteredTime", "ResultPath": path, "Next": then}

"""Train: start the job or find its model, watch it, record what it cost, stop it after a failure."""

from __future__ import annotations

from infra import common_states
from infra.fine_tuning import outcomes
from infra.fine_tuning import states as sagemaker

POLL_S = 30
#: Polls until a stopped job must have ended: 15 minutes.
STOP_POLLS = 30
VOLUME_GB = 50
#: Run by `bash -c` in the training container, whose working directory is the root.
START = "cd /opt/ml/input/data/code && python -m pip install --quiet -r requirements.txt && python train.py"
STOPPING = outcomes.caught("StopTrainingJob")


def training(instance: str) -> common_states.States:
    """Return the states from `Prepare` to `CreateModel`; a failure leads to `EndpointAsked`."""
    return {**_start(instance), **_watch(), **_stop()}


def _start(instance: str) -> common_states.States:
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
        "DescribeTrainedJob": _describe(then="CreateModel", catch=sagemaker.passed("CreateModel")),
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
                "EnableManagedSpotTraining.$": "$.prepared.payload.spot",
                "StoppingCondition.$": "$.prepared.payload.stopping",
                "HyperParameters.$": "$.prepared.payload.hyperparameters",
                "Tags.$": "$.prepared.payload.tags",
            },
            then="WaitForTraining",
            catch=STOPPING,
        ),
    }


def _watch() -> common_states.States:
    return {
        "WaitForTraining": common_states.wait(POLL_S, then="DescribeTrainingJob"),
        "DescribeTrainingJob": _describe(then="TrainingStatus", catch=STOPPING),
        "TrainingStatus": {
            "Type": "Choice",
            "Choices": [
                sagemaker.status("$.made.training.TrainingJobStatus", "Completed", "UseNewModel"),
                sagemaker.status("$.made.training.TrainingJobStatus", "Failed", "TrainingFailed"),
                sagemaker.status("$.made.training.TrainingJobStatus", "Stopped", "WhyStopped"),
            ],
            "Default": "WaitForTraining",
        },
        # A job that ran out of its time is stopped too; the second status tells it from one that a person stopped.
        "WhyStopped": {
            "Type": "Choice",
            "Choices": [
                sagemaker.status("$.made.training.SecondaryStatus", "MaxRuntimeExceeded", "TrainingOutOfTime"),
                sagemaker.status("$.made.training.SecondaryStatus", "MaxWaitTimeExceeded", "TrainingOutOfWait"),
            ],
            "Default": "TrainingStopped",
        },
        "TrainingOutOfTime": outcomes.failure(
            "TrainingOutOfTime",
            "States.Format('training job {} was stopped at its time limit after {} billable seconds "
            "(MaxRuntimeExceeded); raise training.time_limit_hours in experiment.yaml, or train fewer examples or "
            "epochs', $.made.training.TrainingJobName, $.made.training.BillableTimeInSeconds)",
        ),
        "TrainingOutOfWait": outcomes.failure(
            "TrainingOutOfWait",
            "States.Format('training job {} waited too long for spot capacity (MaxWaitTimeExceeded); run it again to "
            "go on from its checkpoint, or write training.spot: false', $.made.training.TrainingJobName)",
        ),
        "TrainingFailed": outcomes.failure("TrainingFailed", "$.made.training.FailureReason"),
        "TrainingStopped": outcomes.failure(
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
            catch=outcomes.caught("EndpointAsked"),
        ),
    }


def _stop() -> common_states.States:
    return {
        # Reached by failures only. The job's charge is known once it has ended.
        "StopTrainingJob": sagemaker.call(
            "stopTrainingJob",
            {"TrainingJobName.$": "$.prepared.payload.training_job_name"},
            then="WaitForStop",
            catch=sagemaker.passed("WaitForStop"),
        ),
        "WaitForStop": common_states.wait(POLL_S, then="DescribeStoppedJob"),
        "DescribeStoppedJob": _describe(then="CountStopPoll", catch=sagemaker.passed("EndpointAsked")),
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


def _describe(*, then: str, catch: list[common_states.State]) -> common_states.State:
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

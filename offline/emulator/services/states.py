"""Step Functions: SageMaker through the AWS SDK integration, and behaviour in which ministack differs from AWS.

- `aws-sdk:cloudformation:*` reaches CloudFormation.
- `aws-sdk:sagemaker:*` reaches the engines; errors have AWS's names (`SageMaker.ResourceNotFoundException`).
- A nested execution that fails is `States.TaskFailed` with its description as the cause.
- Branches that run at the same time each have their own context object (`$$.State`).
- Data between states is limited to 256 KiB (`States.DataLimitExceeded`).
- A state machine with fields that ministack would ignore is refused when it is created.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from offline.emulator.seams import Created, Properties, ministack
from offline.emulator.templates import registry

#: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: input or output of a task or state.
PAYLOAD_LIMIT = 256 * 1024

#: Errors that the SageMaker API's model declares. Step Functions names errors after the Java SDK's classes: these end
#: in Exception; all others are the service's base class.
SAGEMAKER_ERRORS = ("ConflictException", "ResourceInUse", "ResourceLimitExceeded", "ResourceNotFound")

_UNSUPPORTED_MAP_FIELDS = ("ItemBatcher", "ResultWriter")


def sagemaker_error(code: str) -> str:
    """Return Step Functions' name of an error; the base class for errors that the API's model does not declare."""
    plain = code.rsplit("#", 1)[-1]
    if plain in SAGEMAKER_ERRORS:
        return f"SageMaker.{plain.removesuffix('Exception')}Exception"
    return "SageMaker.SageMakerException"


def nested_failure(payload: dict[str, Any]) -> tuple[str, str]:
    """Return error and cause of a failed `startExecution.sync` task: the execution's description, with AWS's names."""
    names = {
        "executionArn": "ExecutionArn",
        "stateMachineArn": "StateMachineArn",
        "name": "Name",
        "status": "Status",
        "startDate": "StartDate",
        "stopDate": "StopDate",
        "input": "Input",
        "inputDetails": "InputDetails",
        "error": "Error",
        "cause": "Cause",
    }
    description = {theirs: payload[ours] for ours, theirs in names.items() if payload.get(ours) is not None}
    return "States.TaskFailed", json.dumps(description)


def states_of(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every state of a definition, those of branches and item processors included."""
    for name, state in (definition.get("States") or {}).items():
        yield name, state
        for inner in [*(state.get("Branches") or []), state.get("ItemProcessor") or state.get("Iterator") or {}]:
            yield from states_of(inner)


def unsupported(definition: str) -> str | None:
    """Return a line about the first field that the emulator would silently treat otherwise than AWS, or None."""
    try:
        document = json.loads(definition)
    except ValueError as error:
        return f"the definition is not JSON: {error}"
    for name, state in states_of(document):
        for field in _UNSUPPORTED_MAP_FIELDS:
            if field in state:
                return f"state {name!r}: {field} is not supported by the embedded AWS"
        mode = ((state.get("ItemProcessor") or {}).get("ProcessorConfig") or {}).get("Mode")
        language = state.get("QueryLanguage") or document.get("QueryLanguage")
        if mode == "DISTRIBUTED" and language == "JSONata":
            return f"state {name!r}: a distributed Map in JSONata is not supported by the embedded AWS"
    return None


def _cloudformation(module: Any) -> None:
    module._AWS_SDK_SERVICE_MAP["cloudformation"] = {"protocol": "query"}
    module._AWS_SDK_ERROR_PREFIX["cloudformation"] = "CloudFormation"


def _sagemaker(module: Any) -> None:
    module._AWS_SDK_SERVICE_MAP["sagemaker"] = {"target_prefix": "SageMaker", "protocol": "json"}
    module._AWS_SDK_ERROR_PREFIX["sagemaker"] = "SageMaker"
    prefix: Callable[[str, str], str] = module._prefix_sdk_error
    module._prefix_sdk_error = lambda service, code: (
        sagemaker_error(code) if service == "sagemaker" else prefix(service, code)
    )


def _limit_data(module: Any) -> None:
    add_event = module._add_event

    def added(execution: dict[str, Any], event_type: str, details: dict[str, Any] | None = None) -> Any:
        if event_type.endswith("StateExited") and details:
            output = details.get("stateExitedEventDetails", {}).get("output") or ""
            if len(output.encode()) > PAYLOAD_LIMIT:
                name = details["stateExitedEventDetails"].get("name")
                message = f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes"
                raise module._ExecutionError("States.DataLimitExceeded", message)
        return add_event(execution, event_type, details)

    module._add_event = added


def _separate_contexts(module: Any) -> None:
    run = module._run_sub_machine
    module._run_sub_machine = lambda states, start_at, given, execution, context: run(
        states, start_at, given, execution, dict(context)
    )


def _refuse_unsupported(module: Any) -> None:
    validate: Callable[[Any], str | None] = module._validate_definition_jsonata

    def validated(definition: Any) -> str | None:
        return validate(definition) or (unsupported(definition) if isinstance(definition, str) else None)

    module._validate_definition_jsonata = validated

    # A template's state machine does not pass through CreateStateMachine.
    engine = registry.provisioners()
    handlers = engine._RESOURCE_HANDLERS["AWS::StepFunctions::StateMachine"]
    create = handlers["create"]

    def created(logical_id: str, properties: Properties, stack_name: str) -> Created:
        problem = validated(engine._sfn_definition(properties))
        if problem:
            raise ValueError(f"AWS::StepFunctions::StateMachine {logical_id}: {problem}")
        made: Created = create(logical_id, properties, stack_name)
        return made

    handlers["create"] = created


def install() -> None:
    module = ministack("services.stepfunctions")
    _cloudformation(module)
    _sagemaker(module)
    _limit_data(module)
    _separate_contexts(module)
    _refuse_unsupported(module)
    module._nested_execution_failure = nested_failure

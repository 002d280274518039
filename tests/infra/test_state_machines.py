"""The state machines, walked as graphs: what is charged by the hour is deleted on every way to the end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from infra_templates import CHANGED, Templates

from contracts.experiment import APPROACHES
from infra import common_states
from infra.comparison import state_machine as comparison
from infra.fine_tuning import state_machine as fine_tuning
from infra.fine_tuning import sweep
from infra.prompting import state_machine as prompting
from infra.rag import state_machine as rag
from lambdas.common import rounds
from lambdas.common.probe import ProbeError
from lambdas.evaluation.judge.calls import JudgingUnfinishedError

State = dict[str, Any]

MACHINES: dict[str, State] = {
    "prompting": prompting.definition(concurrency=3),
    "rag": rag.definition(concurrency=3),
    "fine-tuning": fine_tuning.definition(
        concurrency=3, training_instance="ml.g5.xlarge", hosting_instance="ml.g5.2xlarge"
    ),
    "comparison": comparison.definition(),
    "sweep": sweep.definition(),
}


def all_states(definition: State) -> Iterator[tuple[str, State]]:
    for name, state in definition["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from all_states(state["ItemProcessor"])


def successors(state: State) -> set[str]:
    found = {state[key] for key in ("Next", "Default") if key in state}
    found |= {choice["Next"] for choice in state.get("Choices", ())}
    return found | {catcher["Next"] for catcher in state.get("Catch", ())}


def reachable(states: dict[str, State], start: str, *, without: str | None = None) -> set[str]:
    """States that can be entered from `start` (itself included) when `without` is a wall."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen and name != without:
            seen.add(name)
            waiting.extend(successors(states[name]))
    return seen


def ends(states: dict[str, State], names: set[str]) -> set[str]:
    return {name for name in names if states[name].get("End") or states[name]["Type"] in ("Fail", "Succeed")}


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_exists_and_is_reached(name: str) -> None:
    def check(machine: State) -> None:
        states = machine["States"]
        for state in states.values():
            assert successors(state) <= set(states)
            if "ItemProcessor" in state:
                check(state["ItemProcessor"])
        assert reachable(states, machine["StartAt"]) == set(states)

    check(MACHINES[name])


@pytest.mark.parametrize("name", MACHINES)
def test_every_way_has_an_end(name: str) -> None:
    states = MACHINES[name]["States"]
    for start in states:
        assert ends(states, reachable(states, start)), f"{start} leads to no end"


@pytest.mark.parametrize("name", MACHINES)
def test_no_machine_can_run_out_of_time_as_a_whole(name: str) -> None:
    """An execution that does ends at once: without clean-up, and without the error that tells why."""
    assert "TimeoutSeconds" not in MACHINES[name]


@pytest.mark.parametrize("name", MACHINES)
def test_every_function_call_has_a_limit_and_is_repeated_with_jitter(name: str) -> None:
    for state_name, state in all_states(MACHINES[name]):
        if state.get("Resource") == "arn:aws:states:::lambda:invoke":
            assert state["TimeoutSeconds"] == common_states.TASK_TIMEOUT_S, state_name
            assert "Lambda.TooManyRequestsException" in state["Retry"][0]["ErrorEquals"]
            assert {retry["JitterStrategy"] for retry in state["Retry"]} == {"FULL"}
            payload = state["Parameters"]["Payload"]
            assert (payload["experiment.$"], payload["run.$"]) == ("$.experiment", "$.run")


@pytest.mark.parametrize("name", ["prompting", "rag", "fine-tuning"])
def test_an_evaluation_that_ran_out_of_time_is_called_again(name: str) -> None:
    """Lambda names an error by its class."""
    retried = [error for retry in MACHINES[name]["States"]["Evaluate"]["Retry"] for error in retry["ErrorEquals"]]
    assert JudgingUnfinishedError.__name__ in retried


@pytest.mark.parametrize("name", ["prompting", "rag", "fine-tuning"])
def test_batches_are_answered_at_the_set_concurrency(name: str) -> None:
    answer = MACHINES[name]["States"]["AnswerAll"]
    assert answer["MaxConcurrency"] == 3
    assert answer["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    assert answer["ItemReader"]["Parameters"]["Key.$"] == "$.prepared.payload.items_key"


def test_concurrency_follows_the_setting(synth: Callable[..., Templates]) -> None:
    definitions = synth(**CHANGED).definitions()
    assert {a: definitions[a]["States"]["AnswerAll"]["MaxConcurrency"] for a in APPROACHES} == {
        "prompting": 7,
        "rag": 7,
        "fine-tuning": 5,
    }


def test_functions_times_workers_stay_below_what_is_declared(synth: Callable[..., Templates]) -> None:
    templates = synth(**CHANGED)
    found = {}
    for name, function in templates.resources("AWS::Lambda::Function"):
        variables = function["Properties"].get("Environment", {}).get("Variables", {})
        if "MODEL_WORKERS" in variables:
            approach = name.split("/")[0]
            machine = templates.definitions()[approach]["States"]["AnswerAll"]
            found[approach] = machine["MaxConcurrency"] * int(variables["MODEL_WORKERS"])
    assert found == {"prompting": 7 * 9, "rag": 7 * 9, "fine-tuning": 5 * 1}


@pytest.mark.parametrize("name", APPROACHES)
def test_what_a_round_leaves_is_asked_again_until_that_does_not_help(name: str) -> None:
    states = MACHINES[name]["States"]
    settle = states["SettleRound"]
    assert states["AnswerAll"]["Next"] == "SettleRound"
    assert settle["Parameters"]["FunctionName"] == "${Evaluate}"
    payload = settle["Parameters"]["Payload"]
    assert (payload["approach"], payload["round.$"]) == (name, "$.rounds.count")
    assert payload["left_before.$"] == "$.rounds.left"
    # The first round has none before it; every other one is told what the last one left.
    assert states["StartRounds"]["Result"] == {"count": 0, "left": rounds.UNKNOWN}
    assert states["CountRound"]["Parameters"]["left.$"] == "$.settled.payload.left"
    done, again = states["RoundSettled"]["Choices"]
    assert (done["NumericEquals"], again["Next"]) == (0, "CountRound")
    assert states["RoundSettled"]["Default"] == "AnswersLeft"
    assert "AnswerAll" not in reachable(states, "CountRound", without="WaitForQuota")
    # A round enters 7 states with about 4 events each: far from the 25,000 events of an execution.
    assert (rounds.MOST_ROUNDS + 1) * 7 * 4 < 1000


@pytest.mark.parametrize("name", APPROACHES)
def test_questions_that_are_left_in_the_end_fail_the_approach(name: str) -> None:
    states = MACHINES[name]["States"]
    left = states["AnswersLeft"]
    assert "Evaluate" not in reachable(states, "AnswersLeft", without="Outcome")
    if name == "fine-tuning":  # the endpoint goes first
        assert left["ResultPath"] == "$.failure"
        assert left["Parameters"] == {"Error": "AnswersLeft", "Cause.$": "$.settled.payload.message"}
    else:
        assert left == {"Type": "Fail", "Error": "AnswersLeft", "CausePath": "$.settled.payload.message"}


def test_labels_tell_the_maps_of_a_machine_apart() -> None:
    labels = [s["Label"] for _, s in all_states(MACHINES["rag"]) if s["Type"] == "Map"]
    assert sorted(labels) == ["Answer", "Ingest"]


def test_rag_waits_for_the_index_and_gives_up_in_the_end() -> None:
    states = MACHINES["rag"]["States"]
    assert reachable(states, "WaitForIndex") >= {"AwaitIndex", "IndexStale", "AnswerAll"}
    assert "AnswerAll" not in reachable(states, states["IngestAll"]["Next"], without="AwaitIndex")


# ---- fine-tuning -----------------------------------------------------------------------------------------------------

TUNING = MACHINES["fine-tuning"]["States"]


def test_the_endpoint_boots_a_driver_that_knows_the_container_s_cuda() -> None:
    (variant,) = TUNING["CreateEndpointConfig"]["Parameters"]["ProductionVariants"]
    assert variant["InferenceAmiVersion"] == "al2023-ami-sagemaker-inference-gpu-4-1"
    # SageMaker allows an hour; the machine gives up on an endpoint after that.
    assert 600 <= variant["ModelDataDownloadTimeoutInSeconds"] <= 3600
    assert 1200 <= variant["ContainerStartupHealthCheckTimeoutInSeconds"] <= 3600


def test_the_server_is_started_as_prepare_has_worked_it_out() -> None:
    container = TUNING["CreateModel"]["Parameters"]["PrimaryContainer"]
    assert container["Environment.$"] == "$.prepared.payload.server"
    assert container["ModelDataUrl.$"] == "$.made.model"


def test_training_is_written_down_before_anything_else_can_go_wrong() -> None:
    """An execution that is stopped while its endpoint answers must not take the cost of training along."""
    assert "CreateModel" not in reachable(TUNING, "UseNewModel", without="RecordTraining")
    assert TUNING["RecordTraining"]["Parameters"]["Payload"]["training.$"] == "$.made.training"
    # A later execution, which finds the model, asks SageMaker for what the job has cost.
    assert "CreateModel" not in reachable(TUNING, "UseTrainedModel", without="DescribeTrainedJob")
    assert TUNING["DescribeTrainedJob"]["ResultPath"] == "$.made.training"


@pytest.mark.parametrize("delete", ["DeleteEndpoint", "DeleteEndpointConfig", "DeleteModel"])
def test_what_may_exist_is_deleted_before_any_end(delete: str) -> None:
    """Once a thing was asked for, every end lies behind the state that deletes it."""
    create = delete.replace("Delete", "Create")
    after = successors(TUNING[create])
    for start in after:
        if delete == "DeleteEndpoint":
            # Not a wall but a gate: it is left out only where no start was noted, and the note is before the call.
            assert TUNING["NoteEndpointStart"]["Next"] == create
        open_ways = ends(TUNING, reachable(_with_endpoint_asked(), start, without=delete))
        assert open_ways == set(), f"{start} reaches {open_ways} around {delete}"


def _with_endpoint_asked() -> dict[str, State]:
    """The graph once an endpoint was asked for: `$.made.endpoint.started` is set."""
    gate = TUNING["EndpointAsked"]
    (only,) = gate["Choices"]
    assert only == {"Variable": "$.made.endpoint.started", "IsNull": True, "Next": "DeleteEndpointConfig"}
    return {**TUNING, "EndpointAsked": {**gate, "Choices": []}}


def test_the_check_would_notice_a_way_around() -> None:
    leak = {**_with_endpoint_asked(), "EndpointFailed": {"Type": "Fail"}}
    assert ends(leak, reachable(leak, "WaitForEndpoint", without="DeleteEndpoint")) == {"EndpointFailed"}


def test_every_call_after_the_preparation_is_caught() -> None:
    for name, state in TUNING.items():
        if state["Type"] in ("Task", "Map") and name not in ("Prepare", "Evaluate"):
            (catcher,) = state["Catch"]
            assert catcher["ErrorEquals"] == ["States.ALL"], name
            # The input survives an error, so that the clean-up still knows the names.
            assert catcher["ResultPath"] in ("$.failure", "$.clean_up"), name


def test_a_failure_while_training_stops_the_job() -> None:
    for name in ("CreateTrainingJob", "DescribeTrainingJob"):
        assert [catcher["Next"] for catcher in TUNING[name]["Catch"]] == ["StopTrainingJob"]
    assert TUNING["StopTrainingJob"]["Resource"].endswith(":stopTrainingJob")


def test_a_failure_is_remembered_and_ends_the_execution_as_failed() -> None:
    failing = [name for name, state in TUNING.items() if state.get("ResultPath") == "$.failure"]
    assert sorted(failing) == [
        "AnswersLeft",
        "EndpointFailed",
        "EndpointLate",
        "NoteEndpointLeft",
        "NoteUsageLeft",
        "TrainingFailed",
        "TrainingOutOfTime",
        "TrainingOutOfWait",
        "TrainingStopped",
    ]
    (outcome,) = TUNING["Outcome"]["Choices"]
    assert outcome == {"Variable": "$.failure", "IsPresent": True, "Next": "Failed"}
    for name in failing:
        assert ends(TUNING, reachable(TUNING, name, without="Outcome")) == set(), name


def test_the_first_failure_stays_the_cause() -> None:
    """A second one, in the clean-up or in the record of usage, is noted only as the first."""
    for choice, note in (("EndpointLeft", "NoteEndpointLeft"), ("UsageLeft", "NoteUsageLeft")):
        assert TUNING[choice]["Choices"][0]["Variable"] == "$.failure"
        assert TUNING[choice]["Choices"][0]["IsPresent"] is True
        assert TUNING[choice]["Default"] == note
        assert note not in reachable(TUNING, "Prepare", without=choice)
    assert TUNING["AddEndpointLeft"]["ResultPath"] == "$.failure.EndpointLeft"


@pytest.mark.parametrize(
    ("machine", "before"), [("fine-tuning", "RecordUsage"), ("sweep", "DeleteModel")], ids=["fine-tuning", "sweep"]
)
def test_the_endpoint_s_logs_go_after_it(machine: str, before: str) -> None:
    states = MACHINES[machine]["States"]
    logs = states["DeleteEndpointLogs"]
    assert logs["Resource"] == "arn:aws:states:::aws-sdk:cloudwatchlogs:deleteLogGroup"
    assert logs["Parameters"]["LogGroupName.$"].startswith("States.Format('/aws/sagemaker/Endpoints/{}', $.")
    assert logs["Catch"][0]["Next"] == logs["Next"]  # there may be none
    assert "DeleteEndpointLogs" not in reachable(states, states["DeleteEndpoint"]["Next"], without=before)
    assert states["FindEndpoint"]["Catch"][0]["Next"] == "DeleteEndpointLogs"
    assert "DeleteEndpointLogs" in reachable(states, "EndpointGoing", without="WaitForEndpointEnd")


def test_clean_up_errors_do_not_overwrite_the_failure() -> None:
    for name in ("StopTrainingJob", "DescribeStoppedJob", "DeleteEndpoint", "DeleteEndpointConfig", "DeleteModel"):
        assert [catcher["ResultPath"] for catcher in TUNING[name]["Catch"]] == ["$.clean_up"]


def test_a_refused_delete_counts_only_if_the_endpoint_is_gone() -> None:
    assert [c["Next"] for c in TUNING["DeleteEndpoint"]["Catch"]] == ["ProbeEndpoint"]
    (gone,) = TUNING["EndpointUnknown"]["Choices"]
    assert gone["StringMatches"] == "*ould not find endpoint*"
    assert TUNING["EndpointUnknown"]["Default"] == TUNING["EndpointLeaving"]["Default"] == "EndpointLeft"


def test_usage_is_recorded_on_failure_too() -> None:
    for name in ("StopTrainingJob", "TrainingFailed", "EndpointFailed"):
        assert ends(TUNING, reachable(TUNING, name, without="RecordUsage")) == set()


def test_jobs_and_endpoints_carry_the_tags() -> None:
    for name in ("CreateTrainingJob", "CreateModel", "CreateEndpointConfig", "CreateEndpoint"):
        assert TUNING[name]["Parameters"]["Tags.$"] == "$.prepared.payload.tags", name


def test_training_is_limited_resumable_and_started_from_the_code_channel() -> None:
    parameters = TUNING["CreateTrainingJob"]["Parameters"]
    assert parameters["StoppingCondition.$"] == "$.prepared.payload.stopping"
    assert parameters["EnableManagedSpotTraining.$"] == "$.prepared.payload.spot"
    assert parameters["CheckpointConfig"]["S3Uri.$"] == "$.prepared.payload.checkpoint_url"
    algorithm = parameters["AlgorithmSpecification"]
    assert algorithm["ContainerEntrypoint"] == ["bash", "-c"]
    assert algorithm["ContainerArguments"][0].endswith("pip install --quiet -r requirements.txt && python train.py")
    assert [channel["ChannelName"] for channel in parameters["InputDataConfig"]] == ["code", "train"]
    assert parameters["ResourceConfig"]["InstanceType"] == "ml.g5.xlarge"


def test_a_job_that_ran_out_of_time_is_no_success_and_says_so() -> None:
    after = {choice["StringEquals"]: choice["Next"] for choice in TUNING["TrainingStatus"]["Choices"]}
    assert after == {"Completed": "UseNewModel", "Failed": "TrainingFailed", "Stopped": "WhyStopped"}
    why = TUNING["WhyStopped"]
    assert {choice["Variable"] for choice in why["Choices"]} == {"$.made.training.SecondaryStatus"}
    assert {choice["StringEquals"]: choice["Next"] for choice in why["Choices"]} == {
        "MaxRuntimeExceeded": "TrainingOutOfTime",
        "MaxWaitTimeExceeded": "TrainingOutOfWait",
    }
    assert why["Default"] == "TrainingStopped"
    cause = TUNING["TrainingOutOfTime"]["Parameters"]["Cause.$"]
    assert "MaxRuntimeExceeded" in cause
    assert "training.time_limit_hours" in cause
    assert "stopped from outside" in TUNING["TrainingStopped"]["Parameters"]["Cause.$"]


def test_nothing_is_trained_twice() -> None:
    (train,) = TUNING["NeedsTraining"]["Choices"]
    assert train["Next"] == "CreateTrainingJob"
    assert "CreateTrainingJob" not in reachable(TUNING, TUNING["NeedsTraining"]["Default"])


# ---- the sweep after an execution that was stopped -------------------------------------------------------------------


def test_a_stopped_execution_is_swept(templates: Templates) -> None:
    ((_, rule),) = templates.resources("AWS::Events::Rule")
    pattern = rule["Properties"]["EventPattern"]
    assert pattern["detail"]["status"] == ["ABORTED", "TIMED_OUT"]
    (watched,) = pattern["detail"]["stateMachineArn"]
    (target,) = rule["Properties"]["Targets"]
    assert "Pipeline" in watched["Ref"]
    assert "Sweep" in target["Arn"]["Ref"]
    assert "Input" not in target
    assert templates.definitions()["sweep"] == json.loads(json.dumps(sweep.definition()))


@pytest.mark.parametrize(
    "needed", ["StopTrainingJob", "DeleteEndpoint", "DeleteEndpointConfig", "DeleteModel", "DeleteEndpointLogs"]
)
def test_the_sweep_leaves_nothing_out(needed: str) -> None:
    states = MACHINES["sweep"]["States"]
    assert ends(states, reachable(states, "ReadEvent", without=needed)) <= {"EndpointLeft"}


def test_the_sweep_fails_where_the_endpoint_may_still_run() -> None:
    states = MACHINES["sweep"]["States"]
    assert states["EndpointUnknown"]["Default"] == states["EndpointLeaving"]["Default"] == "EndpointLeft"
    assert states["EndpointLeft"]["Type"] == "Fail"


# ---- comparison ------------------------------------------------------------------------------------------------------

COMPARISON = MACHINES["comparison"]["States"]


#: Approach -> what the names of its states hold.
NAMES = {approach: comparison.placeholder(approach) for approach in APPROACHES}


def test_approaches_run_one_after_the_other_in_ladder_order() -> None:
    assert COMPARISON["NoteOutcomes"]["Next"] == "RunPrompting"
    for before, after in (("Prompting", "Rag"), ("Rag", "FineTuning")):
        assert f"Run{after}" not in reachable(COMPARISON, "RecordStart", without=f"Run{before}")
        assert f"Run{before}" not in reachable(COMPARISON, f"Run{after}")


@pytest.mark.parametrize("name", NAMES.values())
def test_an_approach_notes_its_outcome_whatever_it_is(name: str) -> None:
    assert [catcher["ErrorEquals"] for catcher in COMPARISON[f"Run{name}"]["Catch"]] == [["States.ALL"]]
    assert COMPARISON[f"Run{name}"]["Parameters"]["StateMachineArn"] == f"${{{name}Machine}}"
    for state in (f"{name}Finished", f"{name}Failed", f"{name}NotStarted"):
        assert COMPARISON[state]["ResultPath"] == f"$.runs.{name}"
        outcome = {key.removesuffix(".$"): value for key, value in COMPARISON[state]["Parameters"].items()}
        assert set(outcome) == {"execution", "error"}
        if outcome["execution"] is not None:
            assert outcome["execution"] == f"States.Format('${{{name}Executions}}:{{}}', $$.Execution.Name)"
    assert COMPARISON[f"{name}Finished"]["Parameters"]["error"] is None
    assert COMPARISON[f"{name}NotStarted"]["Parameters"]["execution"] is None


def test_a_failing_approach_does_not_stop_the_others() -> None:
    for before, after in (("Prompting", "RunRag"), ("Rag", "RunFineTuning"), ("FineTuning", "Summarise")):
        assert COMPARISON[f"{before}NotStarted"]["Next"] == COMPARISON[f"Why{before}"]["Default"] == after
        assert COMPARISON[f"{before}Failed"]["Next"] == f"Why{before}"


@pytest.mark.parametrize("name", NAMES.values())
def test_a_refused_probe_keeps_every_other_approach_from_starting(name: str) -> None:
    (refused,) = COMPARISON[f"Why{name}"]["Choices"]
    present, matches = refused["And"]
    assert present == {"Variable": "$.failure.Cause", "IsPresent": True}
    assert matches == {"Variable": "$.failure.Cause", "StringMatches": f"*{ProbeError.__name__}*"}
    after = reachable(COMPARISON, refused["Next"])
    assert not any(state.startswith("Run") for state in after)
    assert {"Summarise", "Report", "Refused"} <= after  # what was paid for until then is reported


def test_a_run_whose_probe_was_refused_fails_with_what_the_model_said() -> None:
    first = COMPARISON["AllWell"]["Choices"][0]
    assert first == {"Variable": "$.refused", "IsPresent": True, "Next": "RecordRefused"}
    assert COMPARISON["NoteRefused"]["ResultPath"] == "$.refused"
    assert COMPARISON["Refused"] == {"Type": "Fail", "Error": "ProbeError", "CausePath": "$.refused.Cause"}


def test_approaches_that_were_not_started_say_so() -> None:
    outcomes = COMPARISON["NoteOutcomes"]["Result"]
    assert set(outcomes) == set(NAMES.values())
    for outcome in outcomes.values():
        assert outcome == {"execution": None, "error": comparison.NOT_RUN}


def test_the_run_fails_by_name_after_the_report() -> None:
    assert "Failed" not in reachable(COMPARISON, "NoteOutcomes", without="Report")
    assert "$.summary.payload.failed" in COMPARISON["Failed"]["CausePath"]


def test_a_run_with_variants_that_were_not_measured_is_no_success() -> None:
    _, failed, gaps = COMPARISON["AllWell"]["Choices"]
    assert failed["Next"] == "RecordFailure"  # what failed as a whole comes first
    assert gaps == {"Variable": "$.report.payload.not_measured[0]", "IsPresent": True, "Next": "RecordGaps"}
    assert COMPARISON["RecordGaps"]["Next"] == "NotMeasured"
    assert COMPARISON["NotMeasured"] == {
        "Type": "Fail",
        "Error": "NotMeasured",
        "CausePath": "States.JsonToString($.report.payload.not_measured)",
    }


def test_summary_and_report_learn_of_every_approach() -> None:
    payload = COMPARISON["Summarise"]["Parameters"]["Payload"]
    assert set(payload["executions"]) == {f"{a}.$" for a in (*APPROACHES, "shared")}
    assert set(payload["errors"]) == {f"{a}.$" for a in APPROACHES}
    assert COMPARISON["Report"]["Parameters"]["Payload"]["errors"] == payload["errors"]


def test_the_run_table_learns_of_the_start_and_of_either_end() -> None:
    records = {name: state for name, state in COMPARISON.items() if state.get("Resource", "").endswith("updateItem")}
    written = {n: s["Parameters"]["ExpressionAttributeValues"][":status"]["S"] for n, s in records.items()}
    assert written == {
        "RecordStart": "RUNNING",
        "RecordSuccess": "SUCCEEDED",
        "RecordFailure": "FAILED",
        "RecordGaps": "FAILED",
        "RecordRefused": "FAILED",
        "RecordBroken": "FAILED",
    }
    assert MACHINES["comparison"]["StartAt"] == "RecordStart"
    assert "Done" not in reachable(COMPARISON, "RecordStart", without="RecordSuccess")
    assert "Failed" not in reachable(COMPARISON, "RecordStart", without="RecordFailure")


@pytest.mark.parametrize("step", ["Summarise", "Report"])
def test_a_step_that_fails_after_the_approaches_is_recorded_and_named(step: str) -> None:
    (catcher,) = COMPARISON[step]["Catch"]
    assert (catcher["ErrorEquals"], catcher["ResultPath"]) == (["States.ALL"], "$.failure")
    note = COMPARISON[catcher["Next"]]
    assert (note["Result"], note["ResultPath"]) == (step, "$.step")
    assert ends(COMPARISON, reachable(COMPARISON, catcher["Next"])) == {"Broken"}
    assert "Broken" not in reachable(COMPARISON, "RecordStart", without="RecordBroken")
    assert COMPARISON["Broken"]["CausePath"].startswith("States.Format('{} failed: {}', $.step,")


# ---- in the templates ------------------------------------------------------------------------------------------------


def test_placeholders_are_all_filled_in(templates: Templates) -> None:
    for name, machine in templates.resources("AWS::StepFunctions::StateMachine"):
        properties = machine["Properties"]
        wanted = set(re.findall(r"\$\{(\w+)\}", properties["DefinitionString"]))
        assert wanted == set(properties.get("DefinitionSubstitutions", {})), name


def test_machines_log_and_are_standard(templates: Templates) -> None:
    for _, machine in templates.resources("AWS::StepFunctions::StateMachine"):
        assert machine["Properties"]["StateMachineType"] == "STANDARD"
        assert machine["Properties"]["LoggingConfiguration"]["Level"] == "ALL"


def test_the_templates_hold_these_definitions(templates: Templates) -> None:
    definitions = templates.definitions()
    assert definitions["prompting"] == json.loads(json.dumps(prompting.definition(concurrency=4)))
    assert definitions["comparison"] == json.loads(json.dumps(comparison.definition()))

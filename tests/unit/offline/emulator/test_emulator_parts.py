"""The parts of the embedded AWS's control plane that need no emulator."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path

import pytest

from offline.common.faults import Fault
from offline.emulator import contract, settings
from offline.emulator.services import faults, forward, functions, states, tags
from offline.emulator.templates import alarms, budgets, indexes, inference_profiles


def test_an_index_of_a_template_becomes_the_body_of_opensearch() -> None:
    properties = {
        "Mappings": {
            "Properties": {
                "vector": {
                    "Type": "knn_vector",
                    "Dimension": "384",
                    "DataType": "float",
                    "Method": {"Name": "hnsw", "SpaceType": "l2", "Parameters": {"EfConstruction": 128, "M": 16}},
                },
                "meta": {"Properties": {"PageId": {"Type": "keyword", "Index": "false"}}},
            }
        },
        "Settings": {"Index": {"Knn": "true", "KnnAlgoParamEfSearch": 100, "RefreshInterval": "10s"}},
    }
    assert indexes.body_of(properties) == {
        "mappings": {
            "properties": {
                "vector": {
                    "type": "knn_vector",
                    "dimension": 384,
                    "data_type": "float",
                    "method": {"name": "hnsw", "space_type": "l2", "parameters": {"ef_construction": 128, "m": 16}},
                },
                "meta": {"properties": {"PageId": {"type": "keyword", "index": False}}},
            }
        },
        "settings": {"index": {"knn": True, "knn.algo_param.ef_search": 100, "refresh_interval": "10s"}},
    }


def test_a_budget_has_text_amounts_and_number_thresholds() -> None:
    properties = {
        "Budget": {"BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": 20, "Unit": "USD"}},
        "NotificationsWithSubscribers": [{"Notification": {"Threshold": "80"}, "Subscribers": []}],
        "ResourceTags": [{"Key": "project", "Value": "p"}],
    }
    request = budgets.request_of(properties, "stack-budget")
    assert request["Budget"]["BudgetName"] == "stack-budget"
    assert request["Budget"]["BudgetLimit"]["Amount"] == "20"
    assert request["NotificationsWithSubscribers"][0]["Notification"]["Threshold"] == 80.0
    assert request["ResourceTags"] == [{"Key": "project", "Value": "p"}]


def test_a_profile_is_named_by_id_or_arn() -> None:
    assert inference_profiles.profile_id("ip-1") == "ip-1"
    assert inference_profiles.profile_id("arn:aws:bedrock:us-east-1:1:application-inference-profile/ip-1") == "ip-1"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("ResourceNotFound", "SageMaker.ResourceNotFoundException"),
        ("ResourceInUse", "SageMaker.ResourceInUseException"),
        ("ConflictException", "SageMaker.ConflictException"),
        ("com.amazonaws.sagemaker#ResourceLimitExceeded", "SageMaker.ResourceLimitExceededException"),
        ("ValidationException", "SageMaker.SageMakerException"),
        ("ThrottlingException", "SageMaker.SageMakerException"),
    ],
)
def test_sagemaker_errors_have_the_names_of_step_functions(code: str, name: str) -> None:
    assert states.sagemaker_error(code) == name


def test_a_nested_failure_carries_its_description() -> None:
    error, cause = states.nested_failure({"executionArn": "a", "status": "FAILED", "error": "E", "cause": None})
    assert error == "States.TaskFailed"
    assert json.loads(cause) == {"ExecutionArn": "a", "Status": "FAILED", "Error": "E"}


def machine(**state: object) -> str:
    inner = {"StartAt": "In", "States": {"In": {"Type": "Map", "End": True, **state}}}
    outer = {"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "Branches": [inner], "End": True}}}
    return json.dumps(outer)


def test_fields_that_would_be_ignored_are_refused() -> None:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "One", "States": {"One": {"Type": "Pass"}}}
    assert states.unsupported(machine(ItemProcessor=processor)) is None
    problem = states.unsupported(machine(ItemProcessor=processor, ResultWriter={}))
    assert problem == "state 'In': ResultWriter is not supported by the embedded AWS"
    problem = states.unsupported(machine(ItemProcessor=processor, QueryLanguage="JSONata"))
    assert problem == "state 'In': a distributed Map in JSONata is not supported by the embedded AWS"
    assert str(states.unsupported("{")).startswith("the definition is not JSON")


def test_a_forwarded_path_keeps_its_encoding_only_where_it_is_its_own() -> None:
    sent = "/model/arn%3Aaws%3Abedrock%3A%3A1%3Aprofile%2Fip-1/converse"
    token = forward.RAW_PATH.set(sent)
    try:
        assert forward.target("/model/arn:aws:bedrock::1:profile/ip-1/converse", {}) == sent
        assert forward.target("/other path", {"a": ["1", "2"]}) == "/other%20path?a=1&a=2"
    finally:
        forward.RAW_PATH.reset(token)


def test_a_fault_is_written_in_its_service_s_protocol() -> None:
    fault = Fault(service="s3", status=503, code="SlowDown")
    assert b"<Error><Code>SlowDown</Code>" in faults.render(fault, "s3", {})[2]
    form = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert b"<ErrorResponse><Error>" in faults.render(fault, "iam", form)[2]
    status, headers, body = faults.render(fault, "dynamodb", {})
    assert (status, headers["x-amzn-errortype"], json.loads(body)["__type"]) == (503, "SlowDown", "SlowDown")


def test_the_worker_script_is_changed_once_or_refused(tmp_path: Path) -> None:
    known = "\n".join(old for old, _new in functions._EDITS)
    changed = functions.worker_script(known, tmp_path)
    assert changed.index(str(tmp_path)) < changed.index('"error_type": type(e).__name__')
    with pytest.raises(ValueError, match=r"worker script changed: .* occurs 2 times, not once"):
        functions.worker_script(known + known, tmp_path)


def test_only_the_local_search_address_loses_its_encryption() -> None:
    variables = {"OPENSEARCH_ENDPOINT": "https://127.0.0.1:9201", "OTHER": "https://example.com", "COUNT": 3}
    properties = {"Environment": {"Variables": variables}}
    changed = functions.plain_endpoints(properties, opensearch_port=9201)
    assert changed["Environment"]["Variables"] == {**variables, "OPENSEARCH_ENDPOINT": "http://127.0.0.1:9201"}
    assert properties["Environment"]["Variables"]["OPENSEARCH_ENDPOINT"] == "https://127.0.0.1:9201"


def test_tags_of_every_form_become_standard() -> None:
    expected = [{"Key": "a", "Value": "1"}]
    assert tags.standard({"a": 1}) == tags.standard([{"key": "a", "value": "1"}]) == expected
    assert tags.standard([{"Key": "a", "Value": "1"}]) == expected


def test_the_emulator_inherits_nothing_that_points_at_an_account(tmp_path: Path) -> None:
    arguments = ["--port", "1", "--engines-port", "2", "--opensearch-port", "3", "--directory", str(tmp_path)]
    options = settings.parse([*arguments, "--account", "123456789012", "--region", "eu-west-1", "--instance", "i"])
    environment = {
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "t",
        "PYTHONPATH": "/repo",
        "HTTPS_PROXY": "p",
        "PATH": "/bin",
    }
    settings.apply_environment(options, environment)
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "PYTHONPATH", "HTTPS_PROXY"} & set(environment)
    assert environment["PATH"] == "/bin"
    assert environment["AWS_CONFIG_FILE"] == os.devnull
    assert environment["BIND_HOST"] == "127.0.0.1"
    # 30 s of a Wait state take about a second; 0 would let polling loops spin.
    assert 0.5 < 30 * float(environment["SFN_WAIT_SCALE"]) < 2
    assert options.opensearch_endpoint == "http://127.0.0.1:3"


def test_pins_and_missing_names_are_reported(tmp_path: Path) -> None:
    pins = tmp_path / "emulator.in"
    pins.write_text("# comment\nno-such-package==1.0\npytest[extra]==0.1  # why\n", encoding="utf-8")
    assert contract.pins(pins) == {"no-such-package": "1.0", "pytest": "0.1"}
    missing, other = contract.version_problems(pins)
    assert missing == "no-such-package: not installed, 1.0 is pinned in requirements/emulator.in"
    installed = metadata.version("pytest")
    assert other == f"pytest: version {installed} is installed, 0.1 is pinned in requirements/emulator.in"
    assert contract.name_problems({"json": ("dumps", "no_such")}) == ["json.no_such: missing"]
    assert contract.name_problems({"no_such_module": ()})[0].startswith("no_such_module: cannot be imported")


def test_an_alarm_on_an_expression_is_described_by_it() -> None:
    stat = {"Metric": {"MetricName": "Errors", "Namespace": "AWS/Lambda"}, "Period": 300, "Stat": "Sum"}
    queries = [
        {"Id": "sum", "Expression": "a + b", "ReturnData": "true"},
        {"Id": "a", "MetricStat": stat, "ReturnData": False},
        {"Id": "b", "MetricStat": stat, "ReturnData": "false"},
    ]
    assert alarms.described({"Threshold": 1, "Metrics": queries}) == {
        "Threshold": 1,
        "MetricName": "a + b",
        "Namespace": "metric math",
        "Period": 300,
    }
    plain = {"MetricName": "Errors", "Namespace": "AWS/Lambda"}
    assert alarms.described(plain) is plain
    with pytest.raises(ValueError, match="exactly one of Metrics must return data, not 2"):
        alarms.described({"Metrics": [queries[0], queries[0]]})
    with pytest.raises(ValueError, match="metric x needs either Expression or MetricStat"):
        alarms.described({"Metrics": [{"Id": "x"}]})

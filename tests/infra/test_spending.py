"""Who is told what an experiment costs: reports' topic, budget, anomalies, and what the report function may do."""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any

from infra_templates import CHANGED, Templates, as_list, flat, granted, only, only_in, statements, tags_of

from contracts import keys

SYNTH = Callable[..., Templates]
CELLS = [f"fixture/{approach}" for approach in ("prompting", "rag", "fine-tuning", "shared")]


def publishers(templates: Templates) -> dict[str, dict[str, object]]:
    """Service -> condition under which it may publish to the reports' topic."""
    ((_, policy),) = [p for p in templates.resources("AWS::SNS::TopicPolicy") if p[0].startswith("reporting/")]
    return {
        statement["Principal"]["Service"]: statement["Condition"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    }


def reports_topic(templates: Templates) -> str:
    ((name, _),) = [t for t in templates.resources("AWS::SNS::Topic") if t[0].startswith("reporting/")]
    return name.split("/")[1]


def test_reports_arrive_apart_from_alarms(templates: Templates, synth: SYNTH) -> None:
    topics = [name.split("/")[0] for name, _ in templates.resources("AWS::SNS::Topic")]
    assert sorted(topics) == ["foundation", "guard", "reporting"]
    assert list(templates.resources("AWS::SNS::Subscription")) == []
    subscription = only_in("reporting", synth(**CHANGED), "AWS::SNS::Subscription")["Properties"]
    assert (subscription["Endpoint"], subscription["Protocol"]) == ("reports@b.org", "email")
    assert subscription["TopicArn"]["Ref"] == reports_topic(templates)


def test_only_aws_for_this_account_may_publish_reports(templates: Templates, synth: SYNTH) -> None:
    this_account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert publishers(templates) == {
        "budgets.amazonaws.com": this_account,
        "costalerts.amazonaws.com": this_account,
    }
    quiet = synth(**CHANGED)
    assert publishers(quiet) == {}


def test_both_topics_refuse_plain_http(templates: Templates) -> None:
    for name, policy in templates.resources("AWS::SNS::TopicPolicy"):
        (denied,) = [s for s in policy["Properties"]["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}, name


def test_the_budget_covers_the_experiment_s_cells_and_nothing_else(templates: Templates) -> None:
    budget = only(templates, "AWS::Budgets::Budget")["Properties"]["Budget"]
    assert budget["BudgetLimit"] == {"Amount": 50, "Unit": "USD"}
    assert (budget["BudgetType"], budget["TimeUnit"]) == ("COST", "MONTHLY")
    assert budget["CostFilters"] == {"TagKeyValue": [f"user:cost-cell${cell}" for cell in CELLS]}
    assert budget["CostTypes"] == {"IncludeCredit": False, "IncludeRefund": False}
    # A fixed name could not be replaced, and a change of notifications replaces a budget.
    assert "BudgetName" not in budget


def test_the_budget_says_so_three_times(templates: Templates) -> None:
    resource = only(templates, "AWS::Budgets::Budget")
    told = resource["Properties"]["NotificationsWithSubscribers"]
    notifications = [entry["Notification"] for entry in told]
    assert [(n["NotificationType"], n["Threshold"]) for n in notifications] == [
        ("ACTUAL", 80),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    ]
    assert {(n["ComparisonOperator"], n["ThresholdType"]) for n in notifications} == {("GREATER_THAN", "PERCENTAGE")}
    topic = {"SubscriptionType": "SNS", "Address": {"Ref": reports_topic(templates)}}
    assert [entry["Subscribers"] for entry in told] == [[topic]] * 3
    ((policy, _),) = [p for p in templates.resources("AWS::SNS::TopicPolicy") if p[0].startswith("reporting/")]
    assert policy.split("/")[1] in resource["DependsOn"]


def test_budget_and_monitor_carry_the_cost_tags(templates: Templates) -> None:
    for kind in ("AWS::Budgets::Budget", "AWS::CE::AnomalyMonitor", "AWS::CE::AnomalySubscription"):
        assert tags_of(only(templates, kind))["cost-cell"] == "fixture/shared"


def test_unusual_costs_are_told_at_once(templates: Templates) -> None:
    monitor = only(templates, "AWS::CE::AnomalyMonitor")["Properties"]
    assert monitor["MonitorType"] == "CUSTOM"
    assert "MonitorDimension" not in monitor
    watched = json.loads(monitor["MonitorSpecification"])
    assert watched == {"Tags": {"Key": "cost-cell", "Values": CELLS, "MatchOptions": ["EQUALS"]}}
    # AWS takes ten values at most.
    assert len(watched["Tags"]["Values"]) <= 10
    resource = only(templates, "AWS::CE::AnomalySubscription")
    subscription = resource["Properties"]
    # SNS takes this frequency only.
    assert subscription["Frequency"] == "IMMEDIATE"
    assert subscription["Subscribers"] == [{"Type": "SNS", "Address": {"Ref": reports_topic(templates)}}]
    threshold = json.loads(subscription["ThresholdExpression"])["Dimensions"]
    assert threshold == {
        "Key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
        "MatchOptions": ["GREATER_THAN_OR_EQUAL"],
        "Values": ["5"],
    }
    assert "Threshold" not in subscription
    assert any("TopicPolicy" in name for name in resource["DependsOn"])


def test_budget_and_anomalies_can_be_switched_off(synth: SYNTH) -> None:
    quiet = synth(**CHANGED)
    assert list(quiet.resources("AWS::Budgets::Budget")) == []
    assert [kind for _, r in quiet.resources() if (kind := r["Type"]).startswith("AWS::CE::")] == []
    assert function(quiet, "SpendReport")["Environment"]["Variables"]["MONTHLY_BUDGET_USD"] == "0"


def function(templates: Templates, name: str) -> dict[str, Any]:
    functions = templates.resources("AWS::Lambda::Function")
    ((_, found),) = [f for f in functions if f[0].startswith(f"reporting/{name}Function")]
    properties: dict[str, Any] = found["Properties"]
    return properties


def grants(templates: Templates, name: str) -> set[tuple[str, str]]:
    """(action, resource) of a function of the reports."""
    return {(action, arn) for policy, action, arn in granted(templates) if policy.startswith(f"reporting/{name}Role")}


def test_each_report_is_a_function_of_its_own(templates: Templates) -> None:
    for name in ("Run", "Spend"):
        assert function(templates, f"{name}Report")["Handler"] == f"lambdas.{name.lower()}_report.handler.report"
    variables = function(templates, "RunReport")["Environment"]["Variables"]
    assert set(variables) == {"BUCKET", "EXPERIMENT", "APPROACH"}
    outputs = templates.by_concern["reporting"]["Outputs"]
    for output, name in (("RunReportFunctionName", "RunReport"), ("ReportFunctionName", "SpendReport")):
        assert f"reporting/{outputs[output]['Value']['Ref']}".startswith(f"reporting/{name}Function")


def test_the_run_starts_the_report_of_the_run_and_the_schedule_that_of_the_bill(templates: Templates) -> None:
    schedule = only_in("reporting", templates, "AWS::Scheduler::Schedule")["Properties"]
    assert schedule["Target"]["Arn"]["Fn::GetAtt"][0].startswith("SpendReportFunction")
    invoked = {
        resource
        for policy, action, resource in granted(templates)
        if policy.startswith("comparison/") and action == "lambda:InvokeFunction"
    }
    assert len([arn for arn in invoked if "RunReportFunction" in arn]) == 1
    assert [arn for arn in invoked if "SpendReport" in arn] == []


def test_the_spend_report_function_has_the_settings_that_it_reads(templates: Templates) -> None:
    variables = function(templates, "SpendReport")["Environment"]["Variables"]
    assert set(variables) == {"BUCKET", "EXPERIMENT", "APPROACH", "REPORT_TOPIC_ARN", "MONTHLY_BUDGET_USD"}
    assert variables["REPORT_TOPIC_ARN"] == {"Ref": reports_topic(templates)}
    assert variables["MONTHLY_BUDGET_USD"] == "50"
    # The Cost Explorer path needs nothing beside the runtime.
    assert "Layers" not in function(templates, "SpendReport")


def test_the_spend_report_reads_bills_and_tells_its_topic(templates: Templates) -> None:
    own = grants(templates, "SpendReport")
    assert {(action, resource) for action, resource in own if action.startswith("ce:")} == {
        ("ce:GetCostAndUsage", "*"),
        ("ce:GetCostForecast", "*"),
        ("ce:ListCostAllocationTags", "*"),
    }
    assert [r for action, r in own if action == "sns:Publish"] == [f"<{reports_topic(templates)}>"]
    for action in ("s3:GetObject", "s3:PutObject"):
        assert any(r.endswith("/reports/fixture/*") for a, r in own if a == action)


def may(templates: Templates, name: str, action: str, key: str) -> bool:
    """Whether a function may do `action` on an object of the results bucket."""
    return any(fnmatch(key, arn.partition("/")[2]) for given, arn in grants(templates, name) if given == action)


READ_BY_BOTH = [
    keys.manifest("fixture", "r1"),
    keys.environment("fixture", "r1"),
    keys.usage("fixture", "r1", "rag", "answer-rag-00000"),
    keys.usage("fixture", "r1", keys.SHARED, "report"),
    keys.estimated("fixture", "r1"),
    keys.outputs("fixture", "r1"),
    f"{keys.input_prefix('fixture', 'ab' * 32)}experiment.json",
]
READ_FOR_A_RUN = [
    *(keys.answers("fixture", "r1", approach, "all", 0) for approach in ("prompting", "rag", "fine-tuning")),
    keys.quality("fixture", "r1", "rag"),
    keys.paired("fixture", "r1"),
    f"{keys.input_prefix('fixture', 'ab' * 32)}documents.jsonl",
    f"{keys.input_prefix('fixture', 'ab' * 32)}questions.test.jsonl",
]


def test_the_spend_report_reads_neither_answers_nor_questions_and_writes_to_no_run(templates: Templates) -> None:
    for key in READ_BY_BOTH:
        assert may(templates, "SpendReport", "s3:GetObject", key), key
        assert not may(templates, "SpendReport", "s3:PutObject", key), key
    for key in READ_FOR_A_RUN:
        assert not may(templates, "SpendReport", "s3:GetObject", key), key
    written = [arn for action, arn in grants(templates, "SpendReport") if action == "s3:PutObject"]
    assert [arn.partition("/")[2] for arn in written] == ["reports/fixture/*"]


def test_the_run_report_reads_no_bill_tells_nobody_and_keeps_away_from_the_fact_table(templates: Templates) -> None:
    assert {action.split(":")[0] for action, _ in grants(templates, "RunReport")} == {"logs", "s3"}
    for key in (*READ_BY_BOTH, *READ_FOR_A_RUN):
        assert may(templates, "RunReport", "s3:GetObject", key), key
    report = f"{keys.report_prefix('fixture', 'r20261123-100000')}report.json"
    for key in (report, keys.estimated("fixture", "r1"), keys.outputs("fixture", "r1")):
        assert may(templates, "RunReport", "s3:PutObject", key), key
    daily = f"{keys.report_prefix('fixture', '2026-11-27')}report.json"
    for key in (keys.charges("fixture", "billed-ce", "2026-11"), daily, keys.manifest("fixture", "r1")):
        assert not may(templates, "RunReport", "s3:PutObject", key), key


def test_nothing_else_reads_bills_or_activates_tags(templates: Templates) -> None:
    others = {
        action
        for name, action, _ in granted(templates)
        if action.split(":")[0] in ("ce", "budgets", "bcm-data-exports", "cur")
        and not name.startswith("reporting/SpendReportRole")
    }
    assert others == set()
    text = json.dumps(list(statements(templates)))
    assert "UpdateCostAllocationTagsStatus" not in text


def test_listing_is_held_to_the_experiment(templates: Templates) -> None:
    for name, prefix in (("RunReport", "reports/fixture/r*"), ("SpendReport", "reports/fixture/*")):
        prefixes = []
        for policy, statement in statements(templates):
            if "s3:ListBucket" in as_list(statement["Action"]) and policy.startswith(f"reporting/{name}Role"):
                prefixes += statement["Condition"]["StringLike"]["s3:prefix"]
                assert not flat(statement["Resource"]).endswith("*")
        assert sorted(prefixes) == ["experiment=fixture/*", prefix]

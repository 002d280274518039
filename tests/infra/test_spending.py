"""Who is told what an experiment costs: reports' topic, budget, anomalies, and what the report function may do."""

from __future__ import annotations

import json
from collections.abc import Callable

from infra_templates import CHANGED, Templates, as_list, flat, granted, only, only_in, statements, tags_of

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
    assert len(list(templates.resources("AWS::SNS::Topic"))) == 2
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
    assert report_function(quiet)["Environment"]["Variables"]["MONTHLY_BUDGET_USD"] == "0"


def report_function(templates: Templates) -> dict[str, object]:
    functions = templates.resources("AWS::Lambda::Function")
    ((_, function),) = [f for f in functions if f[0].startswith("reporting/ReportFunction")]
    properties: dict[str, object] = function["Properties"]
    return properties


def test_the_report_function_is_told_what_it_asks_for(templates: Templates) -> None:
    variables = report_function(templates)["Environment"]["Variables"]  # type: ignore[index]
    assert set(variables) == {"BUCKET", "EXPERIMENT", "APPROACH", "REPORT_TOPIC_ARN", "MONTHLY_BUDGET_USD"}
    assert variables["REPORT_TOPIC_ARN"] == {"Ref": reports_topic(templates)}
    assert variables["MONTHLY_BUDGET_USD"] == "50"
    # The Cost Explorer path needs nothing beside the runtime.
    assert "Layers" not in report_function(templates)


def test_the_report_function_reads_bills_and_tells_its_topic(templates: Templates) -> None:
    own = [(action, resource) for name, action, resource in granted(templates) if "reporting/ReportRole" in name]
    assert {(action, resource) for action, resource in own if action.startswith("ce:")} == {
        ("ce:GetCostAndUsage", "*"),
        ("ce:GetCostForecast", "*"),
        ("ce:ListCostAllocationTags", "*"),
    }
    assert [r for action, r in own if action == "sns:Publish"] == [f"<{reports_topic(templates)}>"]
    for action in ("s3:GetObject", "s3:PutObject"):
        assert any(r.endswith("/reports/fixture/*") for a, r in own if a == action)


def test_nobody_else_reads_bills_or_activates_tags(templates: Templates) -> None:
    others = {
        action
        for name, action, _ in granted(templates)
        if action.split(":")[0] in ("ce", "budgets", "bcm-data-exports", "cur") and "reporting/ReportRole" not in name
    }
    assert others == set()
    text = json.dumps(list(statements(templates)))
    assert "UpdateCostAllocationTagsStatus" not in text


def test_listing_is_held_to_the_experiment(templates: Templates) -> None:
    prefixes = []
    for name, statement in statements(templates):
        if "s3:ListBucket" in as_list(statement["Action"]) and "reporting/ReportRole" in name:
            prefixes += statement["Condition"]["StringLike"]["s3:prefix"]
            assert not flat(statement["Resource"]).endswith("*")
    assert sorted(prefixes) == ["experiment=fixture/*", "reports/fixture/*"]

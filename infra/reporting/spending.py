"""Who is told what the experiment costs: the reports' topic, the monthly budget, the watch for unusual costs.

All three follow the tag `cost-cell`, so they see nothing until that tag is activated for cost allocation.
"""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_ce as ce
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from contracts.tags import CELL
from infra import permissions, tags
from infra.settings import Settings

#: (what is compared with the limit, percent of it that is too much)
NOTIFICATIONS = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
#: An anomaly is reported from this total impact on, in USD: a day of a forgotten OCU costs as much.
ANOMALY_USD = 5
NO_ARNS = "Cost Explorer has no resources: its actions take no ARN."
#: Run ids begin so, and with them the names of their reports.
RUN_REPORTS = "r"
#: What a spend report reads of the experiment and its runs: neither documents, questions nor answers.
READ_OF_RUNS = (
    "input/*/experiment.json",
    "run=*/manifest.json",
    "run=*/environment.json",
    "run=*/approach=*/usage/*",
    "run=*/approach=shared/estimated/*",
    "run=*/approach=shared/outputs/*",
)


class ReportTopic(Construct):
    """Where spend reports arrive, apart from alarms. The owner of a configured address must confirm it once."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id)
        self.topic = sns.Topic(self, "Topic", enforce_ssl=True)
        if settings.report_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(settings.report_email))

    def grant(self, sid: str, service: str) -> None:
        """Let an AWS service publish for this account."""
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal(service)],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )


def allow_reading(role: iam.Role) -> None:
    """Let a role make the requests of a spend report, which cost $0.01 each; listing tags is free."""
    actions = ["ce:GetCostAndUsage", "ce:GetCostForecast", "ce:ListCostAllocationTags"]
    permissions.allow(role, actions, ["*"], wildcard=NO_ARNS)


def monthly_budget(scope: Construct, *, settings: Settings, reports: ReportTopic) -> None:
    """Set a budget for the experiment's cost cells, before credits and refunds: those would hide what it uses."""
    reports.grant("Budgets", "budgets.amazonaws.com")
    budget = budgets.CfnBudget(
        scope,
        "Budget",
        budget=budgets.CfnBudget.BudgetDataProperty(
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=budgets.CfnBudget.SpendProperty(amount=settings.monthly_budget_usd, unit="USD"),
            cost_filters={"TagKeyValue": [f"user:{CELL}${cell}" for cell in tags.cells(settings)]},
            cost_types=budgets.CfnBudget.CostTypesProperty(include_credit=False, include_refund=False),
        ),
        notifications_with_subscribers=[
            budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[
                    budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=reports.topic.topic_arn)
                ],
            )
            for kind, percent in NOTIFICATIONS
        ],
    )
    # The topic with its policy: a subscriber that may not publish is refused.
    budget.node.add_dependency(reports)


def anomalies(scope: Construct, *, settings: Settings, reports: ReportTopic) -> None:
    """Watch the experiment's cost cells by Cost Anomaly Detection.

    A monitor of tag values can be made in a management account or one without an organization only.
    """
    reports.grant("Anomalies", "costalerts.amazonaws.com")
    name = f"ladder-{settings.experiment}"
    monitor = ce.CfnAnomalyMonitor(
        scope,
        "AnomalyMonitor",
        monitor_name=name,
        monitor_type="CUSTOM",
        monitor_specification=json.dumps(
            {"Tags": {"Key": CELL, "Values": tags.cells(settings), "MatchOptions": ["EQUALS"]}}
        ),
    )
    subscription = ce.CfnAnomalySubscription(
        scope,
        "AnomalySubscription",
        subscription_name=name,
        # The only frequency that SNS takes.
        frequency="IMMEDIATE",
        monitor_arn_list=[monitor.attr_monitor_arn],
        subscribers=[
            ce.CfnAnomalySubscription.SubscriberProperty(type="SNS", address=reports.topic.topic_arn),
        ],
        threshold_expression=json.dumps(
            {
                "Dimensions": {
                    "Key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                    "MatchOptions": ["GREATER_THAN_OR_EQUAL"],
                    "Values": [str(ANOMALY_USD)],
                }
            }
        ),
    )
    subscription.node.add_dependency(reports)

"""Alarms: failed executions, errors of functions, calls in a dead-letter queue."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.settings import Settings

PERIOD = cdk.Duration.minutes(5)


class AlarmTopic(Construct):
    """Where all alarms of an experiment arrive. The owner of `alarm-email` must confirm the subscription once."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id)
        self.topic = sns.Topic(self, "Topic", enforce_ssl=True)
        # Refusing plain HTTP takes a policy, and a policy replaces the default one that lets the account publish.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Alarms",
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )
        if settings.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))


def executions(scope: Construct, machine: sfn.StateMachine, topic: sns.ITopic) -> None:
    """Alarm when an execution fails, runs out of time or is stopped."""
    metrics: dict[str, cloudwatch.IMetric] = {
        "failed": machine.metric_failed(period=PERIOD, statistic="Sum"),
        "late": machine.metric_timed_out(period=PERIOD, statistic="Sum"),
        "stopped": machine.metric_aborted(period=PERIOD, statistic="Sum"),
    }
    _alarm(scope, "ExecutionsAlarm", metrics, "An execution failed, ran out of time or was stopped.", topic)


def function_errors(scope: Construct, functions: Sequence[lambda_.IFunction], topic: sns.ITopic) -> None:
    """Alarm when one of several functions raises an error; retried errors count too."""
    metrics: dict[str, cloudwatch.IMetric] = {
        f"f{number}": function.metric_errors(period=PERIOD, statistic="Sum")
        for number, function in enumerate(functions)
    }
    _alarm(scope, "FunctionErrorsAlarm", metrics, "A function raised an error; its log group says which.", topic)


def dead_letters(scope: Construct, queue: sqs.IQueue, topic: sns.ITopic) -> None:
    """Alarm when something waits in a dead-letter queue."""
    metric = queue.metric_approximate_number_of_messages_visible(period=PERIOD, statistic="Maximum")
    _alarm(
        scope,
        "DeadLettersAlarm",
        {"dead": metric},
        "A scheduled call could not be started, or failed each time it was tried.",
        topic,
    )


def _alarm(
    scope: Construct,
    id: str,
    metrics: dict[str, cloudwatch.IMetric],
    description: str,
    topic: sns.ITopic,
) -> None:
    total = cloudwatch.MathExpression(expression=" + ".join(metrics), using_metrics=metrics, period=PERIOD, label="sum")
    alarm = cloudwatch.Alarm(
        scope,
        id,
        metric=total if len(metrics) > 1 else next(iter(metrics.values())),
        threshold=1,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        alarm_description=description,
    )
    alarm.add_alarm_action(actions.SnsAction(topic))

"""Looks inside what an account shares: an experiment's part of a log group, a bus, a catalogue or a policy.

What contains such a part belongs to the account and stays; only the part is the experiment's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from ladder.leftovers.listing import Clients, Item, as_tags
from lambdas.common.runtime import error_code

TRAINING_LOGS = "/aws/sagemaker/TrainingJobs"
#: What Step Functions writes for machines that log outside of `/aws/vendedlogs/`, and how long CloudWatch lets it be.
DELIVERY_POLICY = "AWSLogDeliveryWrite20150319"
POLICY_LIMIT = 5120


def rules(clients: Clients) -> Iterator[Item]:
    """List the rules of every event bus, as `<bus>/<rule>`; those of AWS services are left out."""
    for bus in clients.pages("events", "list_event_buses", "EventBuses"):
        for rule in clients.pages("events", "list_rules", "Rules", EventBusName=bus["Name"]):
            if not rule.get("ManagedBy"):
                yield Item(name=f"{bus['Name']}/{rule['Name']}", arn=rule["Arn"])


def tables(clients: Clients) -> Iterator[Item]:
    """List the tables of every Glue database, as `<database>/<table>`. Their parameters hold the tags."""
    for database in clients.pages("glue", "get_databases", "DatabaseList"):
        for table in clients.pages("glue", "get_tables", "TableList", DatabaseName=database["Name"]):
            yield Item(name=f"{database['Name']}/{table['Name']}", tags=as_tags(table.get("Parameters")))


def training_streams(clients: Clients) -> Iterator[Item]:
    """List the log streams of training jobs, as `<job>/<host>`. SageMaker keeps all jobs of an account in one group."""
    try:
        for stream in clients.pages("logs", "describe_log_streams", "logStreams", logGroupName=TRAINING_LOGS):
            yield Item(name=stream["logStreamName"], arn=stream.get("arn", ""))
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise


def delivery_entries(clients: Clients) -> Iterator[Item]:
    """List the entries of the log-delivery policy whose log groups are gone.

    They are named as their log groups were. The state tells how full the policy is.
    """
    policies = {p["policyName"]: p for p in clients.pages("logs", "describe_resource_policies", "resourcePolicies")}
    policy = policies.get(DELIVERY_POLICY)
    if policy is None:
        return
    document = policy.get("policyDocument", "")
    groups = {group["logGroupName"] for group in clients.pages("logs", "describe_log_groups", "logGroups")}
    for arn in dict.fromkeys(_resources(json.loads(document or "{}"))):
        name = arn.partition(":log-group:")[2].partition(":")[0]
        if name and "*" not in name and name not in groups:
            yield Item(name=name, arn=arn, state=f"stale entry; the policy has {len(document)} of {POLICY_LIMIT} bytes")


def _resources(document: dict[str, Any]) -> Iterator[str]:
    statements = document.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        found = statement.get("Resource", [])
        yield from [found] if isinstance(found, str) else found

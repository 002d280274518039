"""List calls of the services, brought to one form: `Item`s. Each reads all pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

Tags = Mapping[str, str]
#: Services with one endpoint for all regions that botocore looks for in each, and the region that it is in.
_REGIONS = {"bcm-data-exports": "us-east-1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One listed resource. `tags` is None when the list call does not carry them."""

    name: str
    arn: str = ""
    state: str = "exists"
    tags: Tags | None = None


class Clients:
    """A session that makes each service's client once; making one costs more than a call."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._made: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._made:
            self._made[service] = self._session.client(service, region_name=_REGIONS.get(service))
        return self._made[service]


def _tags(pairs: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """Tag lists of every service: Key/Value or key/value."""
    return {str(tag.get("Key", tag.get("key"))): str(tag.get("Value", tag.get("value"))) for tag in pairs or ()}


def _pages(client: Any, operation: str, key: str, **request: Any) -> Iterator[Any]:
    """All elements under `key`, whether the operation has a paginator, a next token, or one page."""
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**request):
            yield from page.get(key) or ()
        return
    while True:
        page = getattr(client, operation)(**request)
        yield from page.get(key) or ()
        token = page.get("nextToken") or page.get("NextToken")
        if not token:
            return
        request["nextToken" if "nextToken" in page else "NextToken"] = token


def listing(
    service: str, operation: str, key: str, *, name: str, arn: str = "", state: str = "", **request: Any
) -> Callable[[Clients], Iterator[Item]]:
    """A list call whose elements carry the name, and perhaps the ARN and state, under these members."""

    def list_all(session: Clients) -> Iterator[Item]:
        for element in _pages(session.client(service), operation, key, **request):
            yield Item(
                name=str(element[name]),
                arn=str(element.get(arn, "")) if arn else "",
                state=str(element.get(state) or "exists") if state else "exists",
            )

    return list_all


def stacks(session: Clients) -> Iterator[Item]:
    for stack in _pages(session.client("cloudformation"), "describe_stacks", "Stacks"):
        if stack["StackStatus"] != "DELETE_COMPLETE":
            yield Item(
                name=stack["StackName"],
                arn=stack.get("StackId", ""),
                state=stack["StackStatus"],
                tags=_tags(stack.get("Tags")),
            )


def buckets(session: Clients) -> Iterator[Item]:
    for bucket in session.client("s3").list_buckets().get("Buckets", []):
        yield Item(name=bucket["Name"], arn=f"arn:aws:s3:::{bucket['Name']}")


def bucket_tags(session: Clients, item: Item) -> Tags:
    try:
        return _tags(session.client("s3").get_bucket_tagging(Bucket=item.name)["TagSet"])
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchTagSet", "NoSuchBucket"):
            return {}
        raise


def tables(session: Clients) -> Iterator[Item]:
    client = session.client("dynamodb")
    for name in _pages(client, "list_tables", "TableNames"):
        yield Item(name=name, arn=client.describe_table(TableName=name)["Table"]["TableArn"])


def queues(session: Clients) -> Iterator[Item]:
    client = session.client("sqs")
    for url in _pages(client, "list_queues", "QueueUrls"):
        attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        yield Item(name=url.rsplit("/", 1)[-1], arn=attributes["QueueArn"])


def topics(session: Clients) -> Iterator[Item]:
    for topic in _pages(session.client("sns"), "list_topics", "Topics"):
        yield Item(name=topic["TopicArn"].rsplit(":", 1)[-1], arn=topic["TopicArn"])


def log_groups(session: Clients) -> Iterator[Item]:
    for group in _pages(session.client("logs"), "describe_log_groups", "logGroups"):
        yield Item(name=group["logGroupName"], arn=str(group.get("arn", "")).removesuffix(":*"))


def domains(session: Clients) -> Iterator[Item]:
    client = session.client("opensearch")
    for domain in client.list_domain_names()["DomainNames"]:
        status = client.describe_domain(DomainName=domain["DomainName"])["DomainStatus"]
        yield Item(
            name=domain["DomainName"], arn=status["ARN"], state="deleting" if status.get("Deleted") else "exists"
        )


def alarms(session: Clients) -> Iterator[Item]:
    client = session.client("cloudwatch")
    for key in ("MetricAlarms", "CompositeAlarms"):
        for alarm in _pages(client, "describe_alarms", key):
            yield Item(name=alarm["AlarmName"], arn=alarm["AlarmArn"])


def policies(operation: str, key: str, kinds: tuple[str, ...]) -> Callable[[Clients], Iterator[Item]]:
    def list_all(session: Clients) -> Iterator[Item]:
        for kind in kinds:
            for policy in _pages(session.client("opensearchserverless"), operation, key, type=kind):
                yield Item(name=policy["name"], state=kind)

    return list_all


def budgets(session: Clients) -> Iterator[Item]:
    account = session.client("sts").get_caller_identity()["Account"]
    for budget in _pages(session.client("budgets"), "describe_budgets", "Budgets", AccountId=account):
        name = budget["BudgetName"]
        yield Item(name=name, arn=f"arn:aws:budgets::{account}:budget/{name}")


def glue_databases(session: Clients) -> Iterator[Item]:
    """CloudFormation cannot tag a database: its parameters hold the tags."""
    for database in _pages(session.client("glue"), "get_databases", "DatabaseList"):
        parameters = database.get("Parameters") or {}
        yield Item(name=database["Name"], tags={str(key): str(value) for key, value in parameters.items()})


def work_groups(session: Clients) -> Iterator[Item]:
    """Athena lists no ARNs."""
    client = session.client("athena")
    account = session.client("sts").get_caller_identity()["Account"]
    for group in _pages(client, "list_work_groups", "WorkGroups"):
        name = group["Name"]
        yield Item(name=name, arn=f"arn:aws:athena:{client.meta.region_name}:{account}:workgroup/{name}")


def training_jobs(session: Clients) -> Iterator[Item]:
    client = session.client("sagemaker")
    for state in ("InProgress", "Stopping"):
        for job in _pages(client, "list_training_jobs", "TrainingJobSummaries", StatusEquals=state):
            if job["TrainingJobStatus"] == state:
                yield Item(name=job["TrainingJobName"], arn=job["TrainingJobArn"], state=state)


def tags_by_arn(service: str, operation: str, argument: str, answer: str) -> Callable[[Clients, Item], Tags]:
    def tags(session: Clients, item: Item) -> Tags:
        return _tags(getattr(session.client(service), operation)(**{argument: item.arn})[answer])

    return tags


def role_tags(session: Clients, item: Item) -> Tags:
    return _tags(_pages(session.client("iam"), "list_role_tags", "Tags", RoleName=item.name))

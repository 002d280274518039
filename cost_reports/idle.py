"""What a deployment bills in a month without traffic, resource by resource, from its CloudFormation templates.

A resource type that is not listed here is `unknown`, never 0; so is one whose size the template does not state, and
what has no public price.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from contracts.units import HOURS_PER_MONTH, to_decimal
from cost_reports.estimate.plan import estimate_rows
from cost_reports.metering import meters
from cost_reports.metering.charges import exact_sum
from cost_reports.metering.meters import MeterSpec
from cost_reports.prices.catalogue import Catalogue, PriceError, Unpublished
from cost_reports.prices.quote import Quoter

Status = Literal["billed", "by use", "free", "unknown"]

FREE = (
    "AWS::ApplicationAutoScaling::",
    "AWS::BCMDataExports::Export",
    "AWS::Athena::NamedQuery",
    "AWS::Bedrock::ApplicationInferenceProfile",
    "AWS::Budgets::Budget",
    "AWS::CDK::Metadata",
    "AWS::CE::",
    "AWS::CloudFormation::",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::Route",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::IAM::",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::OpenSearchServerless::AccessPolicy",
    "AWS::OpenSearchServerless::Index",
    "AWS::OpenSearchServerless::SecurityPolicy",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Model",
    "AWS::Scheduler::ScheduleGroup",
    "Custom::",
)
BY_USE = {
    "AWS::Athena::WorkGroup": "data scanned by queries",
    "AWS::Events::Rule": "events",
    "AWS::Glue::Database": "catalogue requests",
    "AWS::Glue::Table": "catalogue requests",
    "AWS::Lambda::Function": "calls and their time",
    "AWS::Logs::LogGroup": "bytes taken in and kept",
    "AWS::S3::Bucket": "bytes kept and requests",
    "AWS::S3Vectors::Index": "vectors kept and queries",
    "AWS::S3Vectors::VectorBucket": "vectors kept and queries",
    "AWS::SNS::Topic": "messages",
    "AWS::SQS::Queue": "requests",
    "AWS::Scheduler::Schedule": "invocations, and what they start",
    "AWS::StepFunctions::StateMachine": "state transitions",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleLine:
    """One resource. `usd` a month without traffic; None where it is not known. `what` says why."""

    stack: str
    resource: str
    type: str
    status: Status
    usd: Decimal | None
    what: str


class _Unstated(Exception):  # noqa: N818  (control flow inside this module)
    """The template does not state a number that the price needs, or the price is not published."""


def idle(templates: Mapping[str, Mapping[str, Any]], catalogue: Catalogue, region: str = "us-east-1") -> list[IdleLine]:
    """Return a line for each resource of the templates (stack name -> template), in their order.

    Raises:
        ValueError: a template has no resources, a resource is malformed, or the region is unknown.
        PriceError: a resource has no price in the region; the message names it.
    """
    pricer = _Pricer(catalogue, region)
    lines = []
    for stack, template in templates.items():
        resources = template.get("Resources") if isinstance(template, dict) else None
        if not isinstance(resources, dict):
            raise ValueError(f"template of stack {stack} has no Resources")
        for name, resource in resources.items():
            _check(stack, name, resource)
        for name, resource in resources.items():
            it = _Resource(resource["Type"], resource.get("Properties", {}), resources, pricer)
            lines.append(_line(stack, name, it, BILLED))
            if it.kind in BILLED_APART:
                lines.append(_line(stack, name, it, BILLED_APART))
    return lines


def _check(stack: str, name: str, resource: object) -> None:
    if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
        raise ValueError(f"resource {name} of stack {stack} has no Type")
    if not isinstance(resource.get("Properties", {}), dict):
        raise ValueError(f"resource {name} of stack {stack}: Properties must be an object")


def total(lines: Sequence[IdleLine]) -> Decimal:
    """Return USD a month of all lines that are known."""
    return exact_sum(line.usd for line in lines if line.usd is not None)


def _line(stack: str, name: str, resource: _Resource, rules: Mapping[str, Rule]) -> IdleLine:
    kind = resource.kind
    status: Status = "unknown"
    usd: Fraction | None = None
    what = "this type of resource is not known here: look up its price"
    try:
        if kind in rules:
            usd, what = rules[kind](resource)
            status = "billed" if usd else "by use"
        elif kind in BY_USE:
            status, usd, what = "by use", Fraction(0), BY_USE[kind]
        elif kind.startswith(FREE):
            status, usd, what = "free", Fraction(0), ""
    except _Unstated as error:
        what = str(error)
    except PriceError as error:
        raise PriceError(f"resource {name} of stack {stack}: {error}") from error
    known = None if usd is None else to_decimal(usd)
    return IdleLine(stack=stack, resource=name, type=kind, status=status, usd=known, what=what)


class _Pricer:
    def __init__(self, catalogue: Catalogue, region: str) -> None:
        self._quoter = Quoter(catalogue)
        self._rows = estimate_rows("idle", "idle", "", region)

    def month(self, meter: MeterSpec, amount: Fraction | int, unit: str = "", variety: str = "") -> Fraction:
        """Return the USD of `amount` units of a meter."""
        row = self._rows.row(meter, amount, unit, "template", variety=variety)
        quote = self._quoter.quote(row)
        if isinstance(quote, Unpublished):
            raise _Unstated(f"no public price of {quote.name}: {quote.why}")
        return Fraction(row.amount) * quote[1]

    def hours(self, meter: MeterSpec, count: Fraction | int, unit: str = "", variety: str = "") -> Fraction:
        """Return the USD of `count` things that are billed by the hour, for a month."""
        return self.month(meter, Fraction(count) * HOURS_PER_MONTH, unit, variety)


@dataclass(frozen=True, slots=True)
class _Resource:
    """A resource or a part of it; `template` are all resources of its stack. Errors: `_Unstated`."""

    kind: str
    properties: Mapping[str, Any]
    template: Mapping[str, Any]
    pricer: _Pricer

    def number(self, name: str, default: int | None = None) -> Fraction:
        value = self.properties.get(name, default)
        if isinstance(value, str) and value.replace(".", "", 1).isdigit():
            value = Fraction(value)
        if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
            raise _Unstated(f"the template does not state {name}")
        number = Fraction(str(value))
        if number < 0:
            raise _Unstated(f"{name} of the template is {number}, below 0")
        return number

    def part(self, name: str) -> _Resource:
        """Return an object of the properties, empty where it is not there."""
        return replace(self, properties=self._of_kind(name, dict, {}))

    def items(self, name: str) -> list[Any]:
        return list(self._of_kind(name, list, []))

    def text(self, name: str) -> str:
        return str(self._of_kind(name, str, None))

    def _of_kind(self, name: str, kind: type[Any], default: Any) -> Any:
        value = self.properties.get(name, default)
        if not isinstance(value, kind):
            raise _Unstated(f"the template does not state {name}")
        return value


#: A resource -> USD a month, and what is billed.
Rule = Callable[[_Resource], tuple[Fraction, str]]


def _classic(r: _Resource, least: Fraction) -> tuple[Fraction, str]:
    count = max(least, Fraction(1 if r.properties.get("StandbyReplicas") == "DISABLED" else 2))
    return r.pricer.hours(meters.OCU["search"], count, "OCU-hour"), f"Classic: {count} OCU at least"


def _collection(r: _Resource) -> tuple[Fraction, str]:
    if r.properties.get("CollectionGroupName"):
        return Fraction(0), "its collection group is billed"
    return _classic(r, Fraction(0))


def _group(r: _Resource) -> tuple[Fraction, str]:
    limits = r.part("CapacityLimits")
    least = limits.number("MinSearchCapacityInOcu", 0) + limits.number("MinIndexingCapacityInOcu", 0)
    if r.properties.get("Generation") == "NEXTGEN":
        usd = r.pricer.hours(meters.OCU["search"], least, "OCU-hour")
        return usd, f"NextGen: {least} OCU at least, and storage"
    return _classic(r, least)


def _domain(r: _Resource) -> tuple[Fraction, str]:
    cluster = r.part("ClusterConfig")
    count, kind = cluster.number("InstanceCount", 1), cluster.text("InstanceType")
    usd = r.pricer.hours(meters.DOMAIN_NODES, count, variety=kind.removesuffix(".search"))
    return usd, f"{count} x {kind}"


def _disks(r: _Resource) -> tuple[Fraction, str]:
    disk = r.part("EBSOptions")
    if not disk.properties.get("EBSEnabled"):
        return Fraction(0), "no disks beside the instances'"
    count, size = r.part("ClusterConfig").number("InstanceCount", 1), disk.number("VolumeSize")
    return r.pricer.month(meters.DOMAIN_DISKS, count * size), f"{count} x {size} GB of disk"


def _endpoint(r: _Resource) -> tuple[Fraction, str]:
    reference = r.properties.get("EndpointConfigName")
    name = reference.get("Fn::GetAtt", [reference.get("Ref")])[0] if isinstance(reference, dict) else ""
    config = r.template.get(name, {}) if isinstance(name, str) else {}
    variants = replace(r, properties=config.get("Properties", {})).items("ProductionVariants")
    if not variants or not all(isinstance(variant, dict) for variant in variants):
        raise _Unstated("the template does not hold the endpoint's configuration")
    usd, machines = Fraction(0), []
    for variant in (replace(r, properties=v) for v in variants):
        scaling = variant.part("ManagedInstanceScaling")
        stated = scaling.number("MinInstanceCount") if scaling.properties else variant.number("InitialInstanceCount")
        kind = variant.text("InstanceType")
        usd += r.pricer.hours(meters.HOSTING, stated, "instance-hour", kind)
        machines.append(f"{stated} x {kind}")
    return usd, ", ".join(machines)


def _alarm(r: _Resource) -> tuple[Fraction, str]:
    metrics = max(1, sum(1 for m in r.items("Metrics") if "MetricStat" in m))
    return r.pricer.month(meters.ALARMS, metrics), f"{metrics} metric"


def _table(r: _Resource) -> tuple[Fraction, str]:
    if r.properties.get("BillingMode") != "PAY_PER_REQUEST":
        raise _Unstated("provisioned capacity of DynamoDB has no price here")
    return Fraction(0), "requests and bytes kept"


def _cluster(r: _Resource) -> tuple[Fraction, str]:
    least = r.part("ServerlessV2ScalingConfiguration").number("MinCapacity")
    return r.pricer.hours(meters.AURORA_CAPACITY, least), f"{least} ACU at least"


def _vpc_endpoint(r: _Resource) -> tuple[Fraction, str]:
    if r.properties.get("VpcEndpointType", "Gateway") == "Gateway":
        return Fraction(0), "gateway endpoints are free"
    zones = len(r.items("SubnetIds")) or 1
    return r.pricer.hours(meters.VPC_ENDPOINTS, zones), f"{zones} zones"


def _fixed(meter: MeterSpec, what: str, amount: int = 1) -> Rule:
    return lambda r: (r.pricer.month(meter, amount), what)


def _budget_action(_: _Resource) -> tuple[Fraction, str]:
    raise _Unstated("two budget actions of an account are free, each further one is $0.10 a day")


BILLED: dict[str, Rule] = {
    "AWS::Budgets::BudgetsAction": _budget_action,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::DynamoDB::Table": _table,
    "AWS::EC2::EIP": _fixed(meters.PUBLIC_ADDRESSES, "a public address", HOURS_PER_MONTH),
    "AWS::EC2::NatGateway": _fixed(meters.NAT_GATEWAYS, "a NAT gateway", HOURS_PER_MONTH),
    "AWS::EC2::VPCEndpoint": _vpc_endpoint,
    "AWS::KMS::Key": _fixed(meters.KEYS, "a customer managed key"),
    "AWS::OpenSearchServerless::Collection": _collection,
    "AWS::OpenSearchServerless::CollectionGroup": _group,
    "AWS::OpenSearchService::Domain": _domain,
    "AWS::RDS::DBCluster": _cluster,
    "AWS::SageMaker::Endpoint": _endpoint,
    "AWS::SecretsManager::Secret": _fixed(meters.SECRETS, "a secret"),
}
#: What a resource bills beside its first line, because it may be unknown alone.
BILLED_APART: dict[str, Rule] = {"AWS::OpenSearchService::Domain": _disks}

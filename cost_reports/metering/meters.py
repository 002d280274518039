"""What AWS meters, in one table, and the factory that makes usage rows from it.

Lambda functions import this module, so it loads no price. Runs are counted in the smallest physical unit (tokens,
byte-second, instance-second, ...), which keeps amounts exact; `cost_reports.prices.catalogue` converts them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from contracts import aws_names
from contracts.money import Basis, UsageRow
from contracts.units import WIDE
from cost_reports.prices.usage_types import token_usage, usage_type

Architecture = Literal["arm64", "x86_64"]
Tier = Literal[1, 2]
Work = Literal["search", "indexing"]
Access = Literal["read", "write"]
Amount = int | Decimal | Fraction


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """A meter. `name` is its usage type without the region's prefix; `{}` in it stands for a variety (`ml.g5.xlarge`).

    `unit`, `source` and `basis` are those of a run; an estimate counts in a unit of the same dimension and states its
    own formula. `exact`: the name is the whole usage type, in every region.
    """

    service_code: str
    name: str
    operation: str
    unit: str
    source: str = ""
    basis: Basis = "derived"
    exact: bool = False

    @property
    def stem(self) -> str:
        """Return the part of the name that every usage type of the meter holds."""
        return self.name.replace("{}", "")

    def usage_type(self, region: str, variety: str = "") -> str:
        """Return the usage type in a region.

        Raises:
            ValueError: the region is unknown.
        """
        name = self.name.format(variety)
        return name if self.exact else usage_type(self.service_code, name, region)


_INVOCATION = "memory size x wall time of the invocation"
_JOB = "sagemaker:DescribeTrainingJob BillableTimeInSeconds"
_SENT = "requests sent by the client, retries included"
_CAPACITY = "dynamodb ConsumedCapacity"
_HISTORY = "states:GetExecutionHistory, states entered"
_OBJECTS = "size of the objects x time from writing to deletion"
_AWAKE = "capacity units x time that they were awake"
_INDEX = "size of vectors and text x time from indexing to deletion"

LAMBDA_TIME: dict[Architecture, MeterSpec] = {
    "arm64": MeterSpec(aws_names.LAMBDA, "Lambda-GB-Second-ARM", "Invoke", "GB-second", _INVOCATION),
    "x86_64": MeterSpec(aws_names.LAMBDA, "Lambda-GB-Second", "Invoke", "GB-second", _INVOCATION),
}
LAMBDA_REQUESTS: dict[Architecture, MeterSpec] = {
    "arm64": MeterSpec(aws_names.LAMBDA, "Request-ARM", "Invoke", "requests", "one a handler call"),
    "x86_64": MeterSpec(aws_names.LAMBDA, "Request", "Invoke", "requests", "one a handler call"),
}
#: Of standard workflows, retries included.
TRANSITIONS = MeterSpec(aws_names.STEP_FUNCTIONS, "StateTransition", "StateTransition", "transitions", _HISTORY)
TRAINING = MeterSpec(aws_names.SAGEMAKER, "Train:{}", "RunInstance", "instance-second", _JOB, "reported")
HOSTING = MeterSpec(
    aws_names.SAGEMAKER, "Host:{}", "RunInstance", "instance-second", "creation to deletion of the endpoint"
)
LABELS = MeterSpec(aws_names.GROUND_TRUTH, "GroundTruth-Worker-Text", "Label", "labels")
LABELLED_OBJECTS = MeterSpec(aws_names.GROUND_TRUTH, "GroundTruth-Object", "Label", "objects")
S3_STORAGE = MeterSpec(aws_names.S3, "TimedStorage-ByteHrs", "StandardStorage", "byte-second", _OBJECTS)
#: Tier 1: PUT, COPY, POST, LIST; tier 2: GET and all others. DELETE is free: do not count it.
S3_REQUESTS: dict[Tier, MeterSpec] = {
    1: MeterSpec(aws_names.S3, "Requests-Tier1", "PutObject", "requests", _SENT, "reported"),
    2: MeterSpec(aws_names.S3, "Requests-Tier2", "GetObject", "requests", _SENT, "reported"),
}
#: Compute of OpenSearch Serverless.
OCU: dict[Work, MeterSpec] = {
    "search": MeterSpec(aws_names.OPENSEARCH, "SearchOCU", "ESDomain", "OCU-second", _AWAKE),
    "indexing": MeterSpec(aws_names.OPENSEARCH, "IndexingOCU", "ESDomain", "OCU-second", _AWAKE),
}
AOSS_STORAGE = MeterSpec(aws_names.OPENSEARCH, "StorageUsedInS3ByteHour", "ESDomain", "byte-second", _INDEX)
DOMAIN_NODES = MeterSpec(aws_names.OPENSEARCH, "ESInstance:{}", "ESDomain", "instance-hour")
DOMAIN_DISKS = MeterSpec(aws_names.OPENSEARCH, "ES:GP3-Storage", "ESDomain", "GB-month")
_ON_DEMAND = "PayPerRequestThroughput"
#: A read unit is 4 KB (half of it eventually consistent), a write unit 1 KB.
DYNAMODB_UNITS: dict[Access, MeterSpec] = {
    "read": MeterSpec(aws_names.DYNAMODB, "ReadRequestUnits", _ON_DEMAND, "read units", _CAPACITY, "reported"),
    "write": MeterSpec(aws_names.DYNAMODB, "WriteRequestUnits", _ON_DEMAND, "write units", _CAPACITY, "reported"),
}
#: Taken in by CloudWatch Logs (Standard class).
LOG_BYTES = MeterSpec(aws_names.CLOUDWATCH, "DataProcessing-Bytes", "PutLogEvents", "bytes", "bytes of the log lines")
ALARMS = MeterSpec(aws_names.CLOUDWATCH, "CW:AlarmMonitorUsage", "", "alarm-month")
#: Pages that were read. The service has one price for the world, billed under us-east-1.
COST_EXPLORER = MeterSpec(aws_names.COST_EXPLORER, "USE1-APIRequest", "GetCostAndUsage", "requests", exact=True)
AURORA_CAPACITY = MeterSpec(aws_names.RDS, "Aurora:ServerlessV2Usage", "CreateDBInstance", "ACU-hour")
AURORA_STORAGE = MeterSpec(aws_names.RDS, "Aurora:StorageUsage", "CreateDBInstance", "GB-month")
VECTOR_PUTS = MeterSpec(aws_names.S3_VECTORS, "Vectors-Put-Bytes", "PutVectors", "GB")
VECTOR_STORAGE = MeterSpec(aws_names.S3_VECTORS, "Vectors-TimedStorage-ByteHrs", "PutVectors", "GB-month")
VECTOR_QUERIES = MeterSpec(aws_names.S3_VECTORS, "Vectors-Query-Requests", "QueryVectors", "queries")
#: By size of the index: `Small` up to 100,000 vectors, `Large` above.
VECTOR_BYTES = MeterSpec(aws_names.S3_VECTORS, "Vectors-Query-Bytes-{}", "QueryVectors", "TB")
IMPORTED_MODEL_TIME = MeterSpec(aws_names.BEDROCK, "CustomModelImport-v1-Inference", "InvokeModel", "CMU-minute")
IMPORTED_MODEL_STORAGE = MeterSpec(aws_names.BEDROCK, "CustomModelImport-v1-Storage", "ImportModel", "CMU-month")
_CUSTOMIZE = "CreateModelCustomizationJob"
CUSTOM_MODEL_TRAINING = MeterSpec(aws_names.BEDROCK, "{}-Customization-Training", _CUSTOMIZE, "training tokens")
CUSTOM_MODEL_STORAGE = MeterSpec(aws_names.BEDROCK, "{}-Customization-Storage", _CUSTOMIZE, "custom-model-month")
VPC_ENDPOINTS = MeterSpec(aws_names.VPC, "VpcEndpoint-Hours", "", "AZ-hour")
PUBLIC_ADDRESSES = MeterSpec(aws_names.VPC, "PublicIPv4:InUseAddress", "", "address-hour")
NAT_GATEWAYS = MeterSpec(aws_names.EC2, "NatGateway-Hours", "", "gateway-hour")
KEYS = MeterSpec(aws_names.KMS, "us-east-1-KMS-Keys", "", "key-month", exact=True)
SECRETS = MeterSpec(aws_names.SECRETS, "AWSSecretsManager-Secrets", "", "secret-month")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRowFactory:
    """Makes usage rows: whose usage it is and when (`start` and `end` are UTC, ISO 8601, end exclusive).

    `region` is billed for it; `basis`, where it is given, takes the place of that of every meter.
    """

    experiment: str
    run: str
    approach: str
    variant: str | None
    start: str
    end: str
    region: str = "us-east-1"
    basis: Basis | None = None

    def row(
        self,
        meter: MeterSpec,
        amount: Amount,
        unit: str = "",
        source: str = "",
        *,
        variety: str = "",
        basis: Basis | None = None,
        model: str | None = None,
    ) -> UsageRow:
        """Return the usage of `amount` units of a meter; unit, source and basis are its own where they are not given.

        Raises:
            ValueError: the region is unknown, or the amount is negative or no finite number.
            TypeError: the amount is a float or no number.
        """
        names = (meter.service_code, meter.usage_type(self.region, variety), meter.operation)
        return self._row(names, amount, unit or meter.unit, source or meter.source, basis or meter.basis, model)

    def tokens(self, model_id: str, meter: str, amount: Amount, source: str = "bedrock:Converse usage") -> UsageRow:
        """Return tokens of one meter (a key of `usage_types.TOKEN_METERS`, such as `input`) of a model or profile.

        `model_id` is an id or an ARN. Error as in `row`; a ValueError also where the meter is unknown.
        """
        return self._row(token_usage(model_id, meter, self.region), amount, "tokens", source, "reported", model_id)

    def _row(
        self, names: tuple[str, str, str], amount: Amount, unit: str, source: str, basis: Basis, model: str | None
    ) -> UsageRow:
        service_code, kind, operation = names
        return UsageRow(
            experiment=self.experiment,
            run=self.run,
            approach=self.approach,
            variant=self.variant,
            start=self.start,
            end=self.end,
            service_code=service_code,
            usage_type=kind,
            operation=operation,
            amount=_exact(kind, amount),
            unit=unit,
            basis=self.basis or basis,
            source=source,
            model=model,
        )


def gb_seconds(memory_mb: int, milliseconds: int) -> Decimal:
    """Return the GB-seconds of a Lambda call: memory / 1024 x milliseconds / 1000, exact. Whole milliseconds bill."""
    return Decimal(memory_mb) * milliseconds / Decimal(1024 * 1000)


def scaled(row: UsageRow, factor: int | Fraction) -> UsageRow:
    """Return `row` with `factor` times its amount."""
    return replace(row, amount=_exact(row.usage_type, Fraction(row.amount) * factor))


def _exact(kind: str, amount: Amount) -> Decimal:
    """Return `amount` with 60 significant digits: exact for whole numbers and decimals, far beyond any price."""
    if isinstance(amount, Fraction):
        amount = WIDE.divide(Decimal(amount.numerator), Decimal(amount.denominator))
    # A float is refused, because 0.1 s is not what it says.
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise TypeError(f"{kind}: the amount must be exact (got {amount!r}); turn a float into Decimal(str(x))")
    number = Decimal(amount)
    if not number.is_finite() or number < 0:
        raise ValueError(f"{kind}: the amount must be 0 or more (got {amount})")
    return number

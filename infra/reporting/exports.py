"""Billing exports: FOCUS 1.2 and CUR 2.0 as Parquet in a bucket of their own, and tables and a workgroup to query them.

AWS writes `<prefix>/<export>/data/BILLING_PERIOD=YYYY-MM/*.parquet` up to three times a day and rewrites the files of a
month until it is closed. A third table is the fact table of the reports. Tables find their partitions by projection: no
crawler is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_bcmdataexports as bcm
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from constructs import Construct

from contracts import export_columns, fact_table, job_names, keys
from infra import permissions, tags
from infra.buckets import private_bucket
from infra.results import Results
from infra.settings import EXPORTS_REGION, Settings

PREFIX = "exports"
#: As long as Cost Explorer looks back.
KEPT_DAYS = 400
FIRST_PERIOD = "2024-01"
BYTES_PER_MB = 1024 * 1024
OBJECTS = "Files of an export are named by AWS under its prefix."
_HIVE = "org.apache.hadoop.hive.ql.io"
_PARQUET = f"{_HIVE}.parquet"
#: Sources of the fact table, and what the function that reads exports may change below the experiment's reports.
SOURCES = ("billed-ce", "billed-export")
SYNCED = f"facts/charges/source={SOURCES[1]}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportKind:
    """`name` is that of the Athena table and the end of the export's name; `table` is what AWS calls its source."""

    name: str
    table: str
    columns: tuple[tuple[str, str], ...]
    configuration: Mapping[str, str]

    @property
    def query(self) -> str:
        return " ".join(("SELECT", ", ".join(name for name, _ in self.columns), "FROM", self.table))


KINDS = (
    ExportKind(
        name="focus",
        table="FOCUS_1_2_AWS",
        columns=export_columns.FOCUS,
        configuration={"TIME_GRANULARITY": "DAILY"},
    ),
    ExportKind(
        name="cur",
        table="COST_AND_USAGE_REPORT",
        columns=export_columns.CUR,
        # All of them: they cannot be changed later, and leaving out the principals silently drops their column.
        configuration={
            "TIME_GRANULARITY": "DAILY",
            "INCLUDE_RESOURCES": "TRUE",
            "INCLUDE_IAM_PRINCIPAL_DATA": "TRUE",
            "INCLUDE_SPLIT_COST_ALLOCATION_DATA": "FALSE",
            "INCLUDE_CAPACITY_RESERVATION_DATA": "FALSE",
            "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": "FALSE",
        },
    ),
)


class BillingExports(Construct):
    """The bucket and an export of each kind into it."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id)
        self.bucket = private_bucket(
            self,
            settings=settings,
            kept_days={f"{PREFIX}/": KEPT_DAYS},
            no_access_logs="the bucket holds copies of bills that AWS keeps too",
        )
        self._let_billing_write()
        self.names = {kind.name: f"ladder-{settings.experiment}-{kind.name}" for kind in KINDS}
        for kind in KINDS:
            export = bcm.CfnExport(
                self,
                kind.name.capitalize(),
                export=bcm.CfnExport.ExportProperty(
                    name=self.names[kind.name],
                    description=f"{kind.table} for the experiment {settings.experiment}",
                    data_query=bcm.CfnExport.DataQueryProperty(
                        query_statement=kind.query, table_configurations={kind.table: dict(kind.configuration)}
                    ),
                    destination_configurations=bcm.CfnExport.DestinationConfigurationsProperty(
                        s3_destination=bcm.CfnExport.S3DestinationProperty(
                            s3_bucket=self.bucket.bucket_name,
                            s3_prefix=PREFIX,
                            s3_region=settings.region,
                            s3_output_configurations=bcm.CfnExport.S3OutputConfigurationsProperty(
                                output_type="CUSTOM",
                                format="PARQUET",
                                compression="PARQUET",
                                overwrite="OVERWRITE_REPORT",
                            ),
                        )
                    ),
                    refresh_cadence=bcm.CfnExport.RefreshCadenceProperty(frequency="SYNCHRONOUS"),
                ),
            )
            # With its policy: AWS looks at it when an export is made.
            export.node.add_dependency(self.bucket)

    def location(self, kind: ExportKind) -> str:
        return f"s3://{self.bucket.bucket_name}/{PREFIX}/{self.names[kind.name]}/data/"

    def allow_read(self, role: iam.Role) -> None:
        """List and read what AWS delivered."""
        arn = self.bucket.bucket_arn
        permissions.allow(role, ["s3:GetObject"], [f"{arn}/{PREFIX}/*"], wildcard=OBJECTS)
        permissions.allow(role, ["s3:ListBucket"], [arn], when={"StringLike": {"s3:prefix": [f"{PREFIX}/*"]}})

    def _let_billing_write(self) -> None:
        stack = cdk.Stack.of(self)
        sources = [
            f"arn:{stack.partition}:{service}:{EXPORTS_REGION}:{stack.account}:{kind}/*"
            for service, kind in (("bcm-data-exports", "export"), ("cur", "definition"))
        ]
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="BillingExports",
                actions=["s3:GetBucketPolicy", "s3:PutObject"],
                principals=[
                    iam.ServicePrincipal("bcm-data-exports.amazonaws.com"),
                    iam.ServicePrincipal("billingreports.amazonaws.com"),
                ],
                resources=[self.bucket.bucket_arn, self.bucket.arn_for_objects("*")],
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": sources},
                },
            )
        )


class Queries(Construct):
    """A Glue database with a table for each export and one for the fact table, and a workgroup with a scan limit."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        exports: BillingExports,
        results: Results,
    ) -> None:
        super().__init__(scope, id)
        account = cdk.Stack.of(self).account
        self.database_name = job_names.database_name(settings.experiment)
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=self.database_name,
                description=f"Billing exports of the experiment {settings.experiment}",
                # CloudFormation cannot tag a database; `ladder leftovers` reads these.
                parameters=tags.values(settings),
            ),
        )
        charges = f"s3://{results.bucket.bucket_name}/{keys.charges_prefix(settings.experiment)}"
        tables = [*(_export_table(kind, exports.location(kind)) for kind in KINDS), _fact_table(charges)]
        for table_input in tables:
            table = glue.CfnTable(
                self,
                str(table_input.name).capitalize(),
                catalog_id=account,
                database_name=self.database_name,
                table_input=table_input,
            )
            table.add_resource_dependency(database)
        self.workgroup_name = f"ladder-{settings.experiment}"
        athena.CfnWorkGroup(
            self,
            "WorkGroup",
            name=self.workgroup_name,
            description=f"Queries over billing exports of the experiment {settings.experiment}",
            # Query history is no reason to stay.
            recursive_delete_option=True,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                bytes_scanned_cutoff_per_query=settings.athena_scan_limit_mb * BYTES_PER_MB,
                publish_cloud_watch_metrics_enabled=False,
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=results.queries,
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_S3"
                    ),
                ),
            ),
        )


def _months(partition: str) -> dict[str, str]:
    """Return the parameters by which Athena knows the partitions of a table: the months from `FIRST_PERIOD` to now."""
    projection = f"projection.{partition}"
    return {
        "EXTERNAL": "TRUE",
        "projection.enabled": "true",
        f"{projection}.type": "date",
        f"{projection}.format": "yyyy-MM",
        f"{projection}.range": f"{FIRST_PERIOD},NOW",
        f"{projection}.interval": "1",
        f"{projection}.interval.unit": "MONTHS",
    }


def _export_table(kind: ExportKind, location: str) -> glue.CfnTable.TableInputProperty:
    """Return the table of an export. Column names are lower case."""
    column = glue.CfnTable.ColumnProperty
    return glue.CfnTable.TableInputProperty(
        name=kind.name,
        description=f"{kind.table}, as AWS exports it",
        table_type="EXTERNAL_TABLE",
        parameters={
            **_months("billing_period"),
            "classification": "parquet",
            "storage.location.template": f"{location}BILLING_PERIOD=${{billing_period}}/",
        },
        partition_keys=[column(name="billing_period", type="string")],
        storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
            location=location,
            columns=[column(name=name.lower(), type=kind_) for name, kind_ in kind.columns],
            input_format=f"{_PARQUET}.MapredParquetInputFormat",
            output_format=f"{_PARQUET}.MapredParquetOutputFormat",
            serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe"),
        ),
    )


def _fact_table(location: str) -> glue.CfnTable.TableInputProperty:
    """Return the table of what the reports keep. Its folders are named as Athena names partitions by default."""
    column = glue.CfnTable.ColumnProperty
    return glue.CfnTable.TableInputProperty(
        name="charges",
        description="What was billed, as the reports keep it; cast amounts to decimals",
        table_type="EXTERNAL_TABLE",
        parameters={
            **_months("period"),
            "classification": "json",
            "projection.source.type": "enum",
            "projection.source.values": ",".join(SOURCES),
        },
        partition_keys=[column(name=name, type="string") for name in fact_table.PARTITIONS],
        storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
            location=location,
            columns=[
                column(name=name, type=type_)
                for name, type_ in fact_table.COLUMNS.items()
                if name not in fact_table.PARTITIONS
            ],
            input_format="org.apache.hadoop.mapred.TextInputFormat",
            output_format=f"{_HIVE}.HiveIgnoreKeyTextOutputFormat",
            serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library="org.openx.data.jsonserde.JsonSerDe"),
        ),
    )

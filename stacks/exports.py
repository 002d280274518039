"""Billing exports, and the function that rolls them up for reports. Deployed where `cost-exports` is on."""

from __future__ import annotations

import aws_cdk as cdk

from infra import alarms
from infra.functions.function import Function
from infra.functions.layer_version import layer_version
from infra.functions.layers import EXPORTS
from infra.functions.scheduled import ScheduledCall, daily
from infra.reporting import exports
from infra.settings import Settings
from infra.stack import LadderStack
from stacks.foundation import Foundation


class Exports(LadderStack):
    """What the account's bill says in full: for amounts to the last digit, and for organisations."""

    def __init__(self, scope: cdk.App, *, settings: Settings, foundation: Foundation) -> None:
        super().__init__(scope, "exports", settings=settings, description="billing exports")
        billing = exports.BillingExports(self, "Billing", settings=settings)
        queries = exports.Queries(self, "Queries", settings=settings, exports=billing, results=foundation.results)
        # Not `foundation.function`: it needs neither questions nor answers.
        sync = Function(
            self,
            "Sync",
            settings=settings,
            handler="lambdas.export_sync.handler.sync",
            description="Rolls billing exports up to days",
            environment={
                **foundation.environment_for(self.approach),
                "EXPORT_BUCKET": billing.bucket.bucket_name,
                "EXPORT_PREFIX": exports.PREFIX,
            },
            memory_mb=512,
            # The files of one month, which DuckDB reads in less memory than they are large; billed while it runs.
            storage_mb=10240,
            layers=[layer_version(self, EXPORTS, settings)],
            data=["billing_exports/sql/*.sql", "cost_reports/prices/data/*"],
        )
        billing.allow_read(sync.role)
        foundation.results.allow_reports(sync.role, below=exports.SYNCED)
        ScheduledCall(
            self,
            "Daily",
            function=sync,
            # An hour before the report.
            schedule=daily(5, 30),
            what=f"Daily roll-up of billing exports of {settings.experiment}",
            enabled=settings.report_schedule,
            alarm_topic=foundation.alarms.topic,
        )
        alarms.function_errors(self, [sync.function], foundation.alarms.topic)
        self.output("ExportBucketName", billing.bucket.bucket_name, "Where AWS delivers the billing exports")
        self.output("GlueDatabase", queries.database_name, "Tables of the billing exports")
        self.output("AthenaWorkgroup", queries.workgroup_name, "Where they are queried, up to a scan limit")

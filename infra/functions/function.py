"""One Lambda function with what always comes with it: a role of its own, a log group that ends with the stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra import checks, permissions
from infra.functions import packaging
from infra.settings import RETENTION_DAYS, Settings

#: The longest that Lambda allows. Functions are billed for what they use, so the limit costs nothing.
LONGEST = cdk.Duration.minutes(15)

_RETENTION_NAMES = (
    *("ONE_DAY", "THREE_DAYS", "FIVE_DAYS", "ONE_WEEK", "TWO_WEEKS", "ONE_MONTH", "TWO_MONTHS", "THREE_MONTHS"),
    *("FOUR_MONTHS", "FIVE_MONTHS", "SIX_MONTHS", "ONE_YEAR", "THIRTEEN_MONTHS", "EIGHTEEN_MONTHS", "TWO_YEARS"),
    *("THREE_YEARS", "FIVE_YEARS"),
)
_RETENTION = dict(zip(RETENTION_DAYS, _RETENTION_NAMES, strict=True))


def log_group(scope: Construct, id: str, settings: Settings, *, name: str | None = None) -> logs.LogGroup:
    """Return a log group that forgets after the configured days and goes with its stack.

    `name` is for a group that has to lie below a certain prefix; else CloudFormation makes one.
    """
    return logs.LogGroup(
        scope,
        id,
        log_group_name=name,
        retention=cast(logs.RetentionDays, getattr(logs.RetentionDays, _RETENTION[settings.log_retention_days])),
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )


class Function(Construct):
    """`handler` is `<module>.<function>`; the zip file holds that module and what it imports.

    The role is the approach's second cost meter, so no two functions share one. `storage_mb` is the room in `/tmp`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        handler: str,
        description: str,
        environment: Mapping[str, str],
        memory_mb: int = 512,
        storage_mb: int = 512,
        timeout: cdk.Duration = LONGEST,
        layers: Sequence[lambda_.ILayerVersion] = (),
        data: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id)
        self.timeout = timeout
        self.role = permissions.service_role(self, "Role", "lambda.amazonaws.com", description)
        group = log_group(self, "Logs", settings)
        group.grant_write(self.role)
        module, _, _ = handler.rpartition(".")
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64 if settings.arm64 else lambda_.Architecture.X86_64,
            handler=handler,
            code=lambda_.Code.from_asset(str(packaging.stage(module, data=data))),
            role=cast(iam.IRole, self.role),
            log_group=group,
            layers=list(layers),
            memory_size=memory_mb,
            ephemeral_storage_size=cdk.Size.mebibytes(storage_mb),
            timeout=timeout,
            environment=dict(environment),
            description=description,
        )
        checks.acknowledge(
            self.function,
            "L1",
            "Python 3.13 is the runtime that the layers' compiled wheels are pinned for; it is supported until 2029.",
        )

    @property
    def arn(self) -> str:
        return self.function.function_arn

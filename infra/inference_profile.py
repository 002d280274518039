"""A tagged application inference profile: what makes Bedrock's charges for one model and approach show up by tag."""

from __future__ import annotations

import hashlib

import aws_cdk as cdk
from aws_cdk import aws_bedrock as bedrock
from aws_cdk import aws_iam as iam
from constructs import Construct

from contracts.aws_names import split_model_id
from infra import permissions
from infra.settings import Settings


class InferenceProfile(Construct):
    """One per model and approach. `role` says what the model is for (`generator`, `embedding`).

    Name and source are create-only and a name can exist once, so the name carries a digest of the model id: another
    model makes another profile instead of a conflict.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        approach: str,
        role: str,
        model_id: str,
    ) -> None:
        super().__init__(scope, id)
        stack = cdk.Stack.of(self)
        # With a geography the id is that of a system inference profile, which spreads calls over regions.
        geography, self._foundation_model = split_model_id(model_id)
        self.model_id = model_id
        self.role = role
        self._spread = bool(geography)
        source = (
            f"arn:{stack.partition}:bedrock:{stack.region}:{stack.account}:inference-profile/{model_id}"
            if geography
            else f"arn:{stack.partition}:bedrock:{stack.region}::foundation-model/{model_id}"
        )
        digest = hashlib.sha256(model_id.encode()).hexdigest()[:8]
        profile = bedrock.CfnApplicationInferenceProfile(
            self,
            "Profile",
            inference_profile_name=f"ladder-{settings.experiment}-{approach}-{role}-{digest}",
            description=f"{settings.experiment} {approach} {role}",
            model_source=bedrock.CfnApplicationInferenceProfile.InferenceProfileModelSourceProperty(copy_from=source),
        )
        self.arn = profile.attr_inference_profile_arn

    def environment(self) -> dict[str, str]:
        """Return what a function needs to know of the model, such as `GENERATOR_PROFILE_ARN`."""
        name = self.role.upper()
        return {f"{name}_PROFILE_ARN": self.arn, f"{name}_MODEL_ID": self.model_id}

    def allow_invoke(self, role: iam.Role) -> None:
        """Let `role` call the model, through this profile only.

        Bedrock also checks the foundation model behind a profile, in every region that the profile may choose.
        """
        stack = cdk.Stack.of(self)
        permissions.allow(role, ["bedrock:InvokeModel"], [self.arn])
        region = "*" if self._spread else stack.region
        permissions.allow(
            role,
            ["bedrock:InvokeModel"],
            [f"arn:{stack.partition}:bedrock:{region}::foundation-model/{self._foundation_model}"],
            when={"StringEquals": {"bedrock:InferenceProfileArn": self.arn}},
            wildcard=(
                "The profile spreads calls over the regions of its geography, which AWS may add to; the condition "
                "allows the model through this profile only."
                if self._spread
                else None
            ),
        )

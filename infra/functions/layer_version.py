"""A Lambda layer as a resource of a stack."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.functions.layers import REQUIREMENTS, LayerRecipe, find, key
from infra.settings import Settings


def layer_version(scope: Construct, recipe: LayerRecipe, settings: Settings) -> lambda_.LayerVersion:
    """Return the layer as a resource of `scope`.

    Stacks that share a recipe share the asset, each with its own version: a version that another stack imports could
    not be replaced.

    Raises:
        PackagingError: the layer has not been fetched.
    """
    stack = cdk.Stack.of(scope)
    # Stacks that are only destroyed or looked at need no content.
    content = find(recipe, settings.layer_platform) if stack.bundling_required else REQUIREMENTS
    return lambda_.LayerVersion(
        scope,
        f"{recipe.name.capitalize()}Layer",
        code=lambda_.Code.from_asset(str(content), asset_hash=key(recipe, settings.layer_platform)),
        compatible_architectures=[lambda_.Architecture.ARM_64 if settings.arm64 else lambda_.Architecture.X86_64],
        compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
        description=f"FM cost ladder, {recipe.name}",
        # Layers take no tags, and AWS would name them by logical id: nothing would tell whose they are.
        layer_version_name=f"{stack.stack_name}-{recipe.name}",
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )

"""`AWS::Bedrock::ApplicationInferenceProfile`, and the control plane's calls that take the profile's ARN."""

from __future__ import annotations

import json
import re
from typing import Any

from offline.emulator.seams import Created, Properties, Query, Response, accepted, ministack
from offline.emulator.templates import registry

TYPE = "AWS::Bedrock::ApplicationInferenceProfile"
_SOURCE = re.compile(
    r"arn:[\w-]+:bedrock:[\w-]*:\d*:(foundation-model|inference-profile|application-inference-profile)/.+"
)


def _service() -> Any:
    return ministack("services.bedrock")


def profile_id(identifier: str) -> str:
    """Return the id of a profile: the API accepts the id or the ARN."""
    return identifier.rsplit("/", 1)[-1]


def _create(logical_id: str, properties: Properties, stack_name: str) -> Created:
    source = str(properties["ModelSource"]["CopyFrom"])
    if not _SOURCE.fullmatch(source):
        raise ValueError(f"{TYPE}: ModelSource.CopyFrom is not the ARN of a model or inference profile: {source}")
    name = properties.get("InferenceProfileName") or registry.physical_name(stack_name, logical_id, longest=64)
    request = {
        "inferenceProfileName": name,
        "description": properties.get("Description", ""),
        "modelSource": {"copyFrom": source},
        "tags": registry.lower_case_tags(properties),
    }
    answer = accepted(_service()._create_inference_profile(json.dumps(request).encode()), TYPE)
    arn = str(answer["inferenceProfileArn"])
    return arn, _attributes(arn)


def _attributes(arn: str) -> dict[str, Any]:
    identifier = profile_id(arn)
    return {
        "InferenceProfileArn": arn,
        "InferenceProfileId": identifier,
        "InferenceProfileIdentifier": arn,
        "Status": "ACTIVE",
        "Type": "APPLICATION",
    }


def _change(arn: str, _old: Properties, new: Properties) -> dict[str, Any]:
    _service()._tags[arn] = {tag["key"]: tag["value"] for tag in registry.lower_case_tags(new)}
    return _attributes(arn)


def _delete(arn: str, _properties: Properties) -> None:
    service = _service()
    if profile_id(arn) in service._inference_profiles_apps:
        accepted(service._delete_inference_profile(profile_id(arn)), TYPE)
    service._tags.pop(arn, None)


def install() -> None:
    registry.register(
        TYPE,
        create=_create,
        delete=_delete,
        change=_change,
        create_only=("Description", "InferenceProfileName", "ModelSource"),
        tags="Tags",
    )
    service = _service()
    get, remove, list_all = (
        service._get_inference_profile,
        service._delete_inference_profile,
        service._list_inference_profiles,
    )

    def listed(query: Query) -> Response:
        # `typeEquals` of the SDKs is `type` on the wire.
        answer: Response = list_all({**query, "typeEquals": query["type"]} if "type" in query else query)
        return answer

    service._get_inference_profile = lambda identifier: get(profile_id(identifier))
    service._delete_inference_profile = lambda identifier: remove(profile_id(identifier))
    service._list_inference_profiles = listed

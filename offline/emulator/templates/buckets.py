"""S3 buckets of a stack: their tags, and their end.

ministack drops a template's bucket tags and deletes a bucket that still holds objects. Here tags stay: the audit of
leftovers and CDK's automatic deletion read them. A bucket with objects is not deleted, as in S3. CDK's
`auto_delete_objects` is a custom resource with a Node function; this module has its effect without Node.
"""

from __future__ import annotations

from typing import Any

from offline.emulator.seams import Created, Properties, ministack
from offline.emulator.templates import registry

AUTO_DELETE = "Custom::S3AutoDeleteObjects"
AUTO_DELETE_TAG = "aws-cdk:auto-delete-objects"


def _service() -> Any:
    return ministack("services.s3")


def _tag(name: str, properties: Properties) -> None:
    tags = {tag["Key"]: tag["Value"] for tag in registry.tags_of(properties)}
    if tags:
        _service()._bucket_tags[name] = tags
    else:
        _service()._bucket_tags.pop(name, None)


def empty(name: str) -> None:
    """Remove every object and every version of the bucket."""
    service = _service()
    bucket = service._buckets.get(name)
    if bucket is None:
        return
    bucket["objects"].clear()
    for key in [key for key in service._object_versions if key[0] == name]:
        service._object_versions.pop(key, None)


def is_empty(name: str) -> bool:
    service = _service()
    bucket = service._buckets.get(name)
    versions = any(versions for (owner, _key), versions in service._object_versions.items() if owner == name)
    return bucket is None or not (bucket["objects"] or versions)


def _auto_delete_created(_logical_id: str, properties: Properties, _stack: str) -> Created:
    return f"auto-delete-{properties['BucketName']}", {}


def _auto_delete_changed(_physical_id: str, _old: Properties, _new: Properties) -> dict[str, Any]:
    return {}


def _auto_delete_deleted(_physical_id: str, properties: Properties) -> None:
    name = properties["BucketName"]
    # The real function, too, does nothing to a bucket without this tag.
    if _service()._bucket_tags.get(name, {}).get(AUTO_DELETE_TAG) == "true":
        empty(name)


def install() -> None:
    engine = registry.provisioners()
    handlers = engine._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    create, update, delete = handlers["create"], handlers["update"], handlers["delete"]

    def created(logical_id: str, properties: Properties, stack_name: str) -> Created:
        name, attributes = create(logical_id, properties, stack_name)
        _tag(name, properties)
        return name, attributes

    def updated(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        name, attributes = update(physical_id, old, new, stack_name)
        _tag(name, new)
        return name, attributes

    def deleted(physical_id: str, properties: Properties) -> None:
        if not is_empty(physical_id):
            raise ValueError(f"The bucket you tried to delete is not empty: {physical_id} (BucketNotEmpty)")
        delete(physical_id, properties)

    handlers.update({"create": created, "update": updated, "delete": deleted})
    engine._STACK_TAG_PROPERTY["AWS::S3::Bucket"] = ("Tags", "list")
    registry.register(
        AUTO_DELETE, create=_auto_delete_created, delete=_auto_delete_deleted, change=_auto_delete_changed
    )

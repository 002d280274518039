"""Registers CloudFormation resource types with ministack's stack engine.

A handler's create gets the logical id, the resolved properties and the stack's name, and returns `Ref` and the
attributes. Properties that CloudFormation cannot change in place are named: the engine replaces the resource (create,
then delete the old one) as the service does. A type without a handler is refused before anything is created.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from offline.emulator.seams import Created, Properties, ministack

Create = Callable[[str, Properties, str], Created]
Delete = Callable[[str, Properties], None]
#: (physical id, old properties, new properties) -> attributes.
Change = Callable[[str, Properties, Properties], dict[str, Any]]

_ON_A_THREAD: set[str] = set()


def provisioners() -> Any:
    return ministack("services.cloudformation.provisioners")


def register(
    resource_type: str,
    *,
    create: Create,
    delete: Delete,
    change: Change,
    create_only: Iterable[str] = (),
    tags: str | None = None,
    blocking: bool = False,
) -> None:
    """Add one type.

    `tags` names the property that holds a list of Key/Value tags: CloudFormation adds the stack's own tags to it.
    `blocking` runs the type's handlers on a thread of their own, off the server's event loop.
    """

    def created(logical_id: str, properties: Properties, stack_name: str) -> Created:
        # The engine compares old and new properties later: a handler must not change its own.
        return create(logical_id, copy.deepcopy(properties), stack_name)

    def updated(physical_id: str, old: Properties, new: Properties, _stack: str) -> Created:
        return physical_id, change(physical_id, copy.deepcopy(old), copy.deepcopy(new))

    engine = provisioners()
    engine._RESOURCE_HANDLERS[resource_type] = {"create": created, "update": updated, "delete": delete}
    engine._REPLACING_PROPERTIES[resource_type] = tuple(create_only)
    if tags is not None:
        engine._STACK_TAG_PROPERTY[resource_type] = (tags, "list")
    if blocking:
        _run_on_thread(resource_type)


def adapt(resource_type: str, change: Callable[[Properties], Properties]) -> None:
    """Give the handlers of a type that ministack has the changed properties."""
    handlers = provisioners()._RESOURCE_HANDLERS[resource_type]
    create, update = handlers["create"], handlers["update"]

    def created(logical_id: str, properties: Properties, stack_name: str) -> Created:
        made: Created = create(logical_id, change(properties), stack_name)
        return made

    def updated(physical_id: str, old: Properties, new: Properties, *rest: Any) -> Created:
        made: Created = update(physical_id, change(old), change(new), *rest)
        return made

    handlers.update({"create": created, "update": updated})


def physical_name(stack_name: str, logical_id: str, *, longest: int) -> str:
    """Return the name that CloudFormation would generate: stack, logical id and a suffix, lower case."""
    name: str = provisioners()._physical_name(stack_name, logical_id, lowercase=True, max_len=longest)
    return name


def _run_on_thread(resource_type: str) -> None:
    stacks = ministack("services.cloudformation.stacks")
    if not _ON_A_THREAD:
        original = stacks._runs_on_worker_thread
        stacks._runs_on_worker_thread = lambda name: name in _ON_A_THREAD or original(name)
    _ON_A_THREAD.add(resource_type)


def tags_of(properties: Properties, name: str = "Tags") -> list[dict[str, str]]:
    """Return the tags of a template as text."""
    return [{"Key": str(tag["Key"]), "Value": str(tag["Value"])} for tag in properties.get(name) or ()]


def lower_case_tags(properties: Properties) -> list[dict[str, str]]:
    """Return the tags in the spelling of the AOSS and Bedrock APIs (`key`, `value`)."""
    return [{"key": tag["Key"], "value": tag["Value"]} for tag in tags_of(properties)]

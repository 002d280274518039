"""Cost Explorer's `Expression`: the lines that a request selects, and the filters that AWS refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cost_reports.prices.bill_names import EDITION
from offline.billing.bill.line import Line
from offline.billing.cost_explorer.dimensions import FILTERED, value_of
from offline.common.wire import invalid

OPERATORS = ("And", "Or", "Not", "Dimensions", "Tags", "CostCategories", "ProductAttributes")
SERVICE = "SERVICE"
PRODUCTS = "ProductAttributes"

Predicate = Callable[[Line], bool]
Expression = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """`products`: it looks at product attributes. `services`: it has a condition on SERVICE."""

    matches: Predicate
    products: bool
    services: bool


def compiled(expression: Expression | None, *, by_product: bool = False, account: str) -> Filter:
    """Return the filter of a request. `by_product`: the request groups by product attributes.

    Raises:
        AwsError: Cost Explorer does not take the expression.
    """
    if expression is None:
        return Filter(matches=lambda _line: True, products=by_product, services=False)
    matches = _predicate(expression, account)
    leaves = list(_leaves(expression))
    products = by_product or any(root == PRODUCTS for root, _ in leaves)
    services = any(_is_service(root, leaf) for root, leaf in leaves)
    if products and services:
        _check_services(expression, leaves)
    return Filter(matches=matches, products=products, services=services)


def root_of(expression: Expression) -> str:
    roots = [name for name in OPERATORS if name in expression]
    if len(roots) != 1:
        raise invalid(
            "Expression has zero or more than one roots. Only one root operator is allowed for each expression:"
            f" {', '.join(OPERATORS)}"
        )
    return roots[0]


def _predicate(expression: Expression, account: str) -> Predicate:
    root = root_of(expression)
    inner = expression[root]
    if root == "Not":
        negated = _predicate(inner, account)
        return lambda line: not negated(line)
    if root in ("And", "Or"):
        if len(inner) < 2:
            raise invalid(f"{root} expression must have at least 2 operands")
        parts = [_predicate(part, account) for part in inner]
        combine = all if root == "And" else any
        return lambda line: combine(part(line) for part in parts)
    if root == "CostCategories":
        raise invalid(f"Cost category {inner.get('Key', '')!r} does not exist in this account")
    return _leaf(root, inner, account)


def _leaf(root: str, inner: Expression, account: str) -> Predicate:
    options = frozenset(inner.get("MatchOptions") or ("EQUALS",))
    allowed = {"EQUALS", "CASE_SENSITIVE"} | (set() if root == "Dimensions" else {"ABSENT"})
    if options - allowed:
        raise invalid(f"MatchOptions {', '.join(sorted(options - allowed))} of {root} not supported")
    if "ABSENT" in options and len(options) > 1:
        raise invalid("MatchOptions ABSENT cannot be combined with others")
    if options == {"CASE_SENSITIVE"} and root == PRODUCTS:
        raise invalid("MatchOptions CASE_SENSITIVE needs EQUALS")
    key, values = inner.get("Key"), frozenset(inner.get("Values") or ())
    if "ABSENT" in options and values:
        raise invalid(f"MatchOptions ABSENT of {root} takes no Values")
    if root == "Dimensions":
        if key not in FILTERED:
            raise invalid(f"Dimension {key} is not allowed." if key else "Dimensions needs a Key")
        if not values:
            raise invalid(f"Dimension {key} needs Values")
        return lambda line: value_of(line, key, account) in values
    if root == PRODUCTS:
        if not values and "ABSENT" not in options:
            raise invalid("ProductAttributes needs Values, or MatchOptions ABSENT")
        return lambda line: _has(line.attributes or {}, key, values)
    if key is None:
        if values:
            raise invalid("Tags needs a Key")
        return lambda line: not line.tags
    return lambda line: _has(line.tags, key, values)


def _has(values_of_line: Mapping[str, str], key: Any, values: frozenset[str]) -> bool:
    """Return whether a line has one of the values. Without values, or with an empty one: whether it lacks the key."""
    return values_of_line.get(key, "") in (values or {""})


def _leaves(expression: Expression) -> Iterator[tuple[str, Expression]]:
    root = root_of(expression)
    inner = expression[root]
    if root == "Not":
        yield from _leaves(inner)
    elif root in ("And", "Or"):
        for part in inner:
            yield from _leaves(part)
    else:
        yield root, inner


def _is_service(root: str, leaf: Expression) -> bool:
    return root == "Dimensions" and leaf.get("Key") == SERVICE


def _check_services(expression: Expression, leaves: list[tuple[str, Expression]]) -> None:
    """Refuse a SERVICE filter with product attributes unless it holds everywhere and names supported services only."""
    if not _applies(expression) or _negated(expression):
        raise invalid(
            "A SERVICE filter with product attributes must apply to the whole request: combine it by And, put it into"
            " every branch of an Or, and not inside Not"
        )
    named = {value for root, leaf in leaves if _is_service(root, leaf) for value in leaf.get("Values", ())}
    wrong = sorted(name for name in named if name != "Amazon Bedrock" and not name.endswith(EDITION))
    if wrong:
        raise invalid(f"Product attributes are not supported for the service {', '.join(wrong)}")


def _applies(expression: Expression) -> bool:
    root = root_of(expression)
    if root == "And":
        return any(_applies(part) for part in expression[root])
    if root == "Or":
        return all(_applies(part) for part in expression[root])
    return root != "Not" and _is_service(root, expression[root])


def _negated(expression: Expression) -> bool:
    """Return whether a SERVICE filter stands inside a Not."""
    root = root_of(expression)
    if root == "Not":
        return any(_is_service(name, leaf) for name, leaf in _leaves(expression))
    return root in ("And", "Or") and any(_negated(part) for part in expression[root])

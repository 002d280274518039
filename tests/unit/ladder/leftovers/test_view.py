"""The result as lines: whose account, what was looked at, what is left, and what must not be touched."""

from __future__ import annotations

from typing import Any

from ladder.leftovers.records import STACK, Audit, Leftover, NotSeen, Region
from ladder.leftovers.view import lines

TOPIC = Leftover(kind="AWS::SNS::Topic", name="t\x1b[2J", state="exists", evidence="tag", arn="a", region="us-east-1")
STACK_LEFT = Leftover(kind=STACK, name="ladder-shop-rag", state="DELETE_FAILED", evidence="name", region="us-east-1")


def shown(**changes: Any) -> list[str]:
    fields: dict[str, Any] = {
        "experiment": "shop",
        "account": "1",
        "embedded": False,
        "regions": (Region(name="us-east-1", depth="full"), Region(name="eu-west-1", depth="tags")),
        "kinds": ("AWS::SNS::Topic", STACK),
    }
    return list(lines(Audit(**{**fields, **changes})))


def test_account_regions_and_kinds_come_first() -> None:
    assert shown() == [
        "experiment shop, account 1",
        "looked at every kind in: us-east-1",
        "looked at tags and stacks in: eu-west-1",
        "2 kinds: CloudFormation (Stack), SNS (Topic)",
    ]


def test_a_leftover_is_shown_with_its_call_and_nothing_that_steers_a_terminal() -> None:
    assert shown(leftovers=(TOPIC,))[-2:] == [
        r"left: AWS::SNS::Topic t\x1b[2J (us-east-1, exists; tag)",
        "    aws sns delete-topic --topic-arn a --region us-east-1",
    ]


def test_while_a_stack_is_left_no_call_is_shown_that_would_block_its_deletion() -> None:
    text = shown(leftovers=(STACK_LEFT, TOPIC))
    assert [line for line in text if "aws " in line] == []
    assert "left: AWS::CloudFormation::Stack ladder-shop-rag (us-east-1, DELETE_FAILED; name)" in text


def test_what_must_not_be_touched_has_no_call() -> None:
    text = shown(perhaps=(TOPIC,), stays=(TOPIC,))
    assert [line for line in text if "aws " in line or line.startswith("left: ")] == []
    assert any(line.startswith("perhaps the experiment's, perhaps not (weak evidence; leave it ") for line in text)
    assert "stays: shared by the account, and costs nothing:" in text


def test_what_was_refused_is_told_apart_from_what_does_not_exist() -> None:
    refused = NotSeen(kind="AWS::SNS::Topic", region="us-east-1", reason="ListTopics: AccessDenied", offered=True)
    absent = [
        NotSeen(kind=kind, region="eu-west-1", reason="not offered by eu-west-1 (x)", offered=False)
        for kind in ("A", "B")
    ]
    assert shown(not_seen=(refused, *absent))[-2:] == [
        "could not be looked at: AWS::SNS::Topic (us-east-1): ListTopics: AccessDenied",
        "not offered by eu-west-1: A, B",
    ]

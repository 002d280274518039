"""Which of our tags billing groups by: five states that are told apart."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from lambdas.spend_report.cost_explorer import ATTEMPTS, ROLE_TAG, TAG_KEYS, tag_states
from tests.unit.lambdas.spend_report.bill_pages import FakeBill, refused


def tag(key: str, status: str, kind: str = "UserDefined") -> dict[str, Any]:
    return {"TagKey": key, "Type": kind, "Status": status, "LastUsedDate": "2026-11-26"}


def test_states_over_several_pages() -> None:
    bill = FakeBill()
    bill.tags = [
        tag("project", "Active"),
        tag("cost-cell", "Inactive"),
        tag("owner", "Inactive", "AWSGenerated"),
        tag("owner", "Active"),
        tag("unrelated", "Active"),
    ]
    tags, failure = tag_states(bill)
    assert failure is None
    assert {t.key: t.state for t in tags} == {
        "project": "active",
        "experiment": "not billed yet",
        "approach": "not billed yet",
        "cost-cell": "not activated",
        "owner": "active",
        ROLE_TAG: "not billed yet",
    }
    assert tuple(t.key for t in tags) == TAG_KEYS
    assert [number for _, number in bill.asked] == [0, 1, 2, 3]
    said = {t.key: t.text for t in tags}
    assert "ladder tags activate" in said["cost-cell"]
    assert "Bedrock call of a tagged role" in said[ROLE_TAG]


def test_a_member_account_cannot_activate() -> None:
    error = refused("AccessDeniedException", "Linked account doesn't have access to cost allocation tags")
    tags, failure = tag_states(FakeBill().fail("tags", error))
    assert {t.state for t in tags} == {"cannot activate"}
    assert failure is not None
    assert (failure.request, failure.code) == ("tags", "AccessDeniedException")
    assert "payer" in failure.text


@pytest.mark.parametrize("error", [refused("AccessDeniedException", "User: x is not authorized"), refused("Odd")])
def test_what_cannot_be_listed_is_unknown(error: Exception) -> None:
    tags, failure = tag_states(FakeBill().fail("tags", error), ("cost-cell",))
    assert [t.state for t in tags] == ["unknown"]
    assert failure is not None
    assert tags[0].text == failure.text


def test_a_later_page_that_fails_makes_no_key_look_unbilled(waits: list[float]) -> None:
    bill = FakeBill()
    bill.tags = [tag("project", "Active"), tag("owner", "Active")]
    bill.fail("tags", *[EndpointConnectionError(endpoint_url="https://ce")] * ATTEMPTS, page=1)
    tags, failure = tag_states(bill)
    assert {t.state for t in tags} == {"unknown"}
    assert failure is not None
    assert failure.code == "EndpointConnectionError"
    assert len(waits) == ATTEMPTS - 1


def test_throttling_is_waited_out(waits: list[float]) -> None:
    bill = FakeBill().fail("tags", refused("LimitExceededException"), refused("ThrottlingException"))
    bill.tags = [tag("owner", "Active")]
    assert tag_states(bill, ("owner",))[0][0].state == "active"
    assert len(waits) == 2


def test_more_keys_than_one_call_takes() -> None:
    bill = FakeBill()
    bill.tags = [tag("k0", "Active"), tag("k149", "Inactive")]
    tags, _ = tag_states(bill, [f"k{n}" for n in range(150)])
    assert (len(bill.asked), tags[0].state, tags[149].state) == (2, "active", "not activated")

"""Tags are activated where a bill has shown them; everything else is one line that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from contracts.times import first_of_month
from ladder.billing import cost_tags
from ladder.commands import tags
from ladder.errors import LadderError

KEYS = ("experiment", "approach", "cost-cell")
ACTIVE = {"TagKey": "experiment", "Type": "UserDefined", "Status": "Active"}
INACTIVE = {"TagKey": "cost-cell", "Type": "UserDefined", "Status": "Inactive"}
LIST, UPDATE = "list_cost_allocation_tags", "update_cost_allocation_tags_status"
START, HISTORY = "start_cost_allocation_tag_backfill", "list_cost_allocation_tag_backfill_history"


@pytest.fixture
def stub() -> Iterator[Stubber]:
    with Stubber(boto3.client("ce", region_name="us-east-1")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_only_what_a_bill_has_shown_is_activated(stub: Stubber) -> None:
    stub.add_response(LIST, {"CostAllocationTags": [ACTIVE, INACTIVE]})
    asked = {"CostAllocationTagsStatus": [{"TagKey": "cost-cell", "Status": "Active"}]}
    stub.add_response(UPDATE, {"Errors": []}, asked)
    experiment, approach, cell = cost_tags.activate(stub.client, KEYS)
    assert (experiment.done, experiment.text) == (True, "already active")
    assert (approach.done, "no bill" in approach.text or "not" in approach.text) == (False, True)
    assert (cell.done, cell.text.split(";")[0]) == (True, "activated")


def test_activating_again_asks_for_nothing(stub: Stubber) -> None:
    stub.add_response(LIST, {"CostAllocationTags": [ACTIVE]})
    assert [one.done for one in cost_tags.activate(stub.client, ("experiment",))] == [True]


def test_a_key_that_aws_refuses_is_named_with_its_reason(stub: Stubber) -> None:
    stub.add_response(LIST, {"CostAllocationTags": [INACTIVE]})
    error = {"TagKey": "cost-cell", "Code": "ValidationException", "Message": "Tag keys\nnot found"}
    stub.add_response(UPDATE, {"Errors": [error]})
    (cell,) = cost_tags.activate(stub.client, ("cost-cell",))
    assert (cell.done, cell.text) == (False, "AWS refused it (ValidationException): Tag keys not found")


def test_more_keys_than_one_call_takes(stub: Stubber) -> None:
    keys = [f"key-{n}" for n in range(25)]
    listed = [{"TagKey": key, "Type": "UserDefined", "Status": "Inactive"} for key in keys]
    stub.add_response(LIST, {"CostAllocationTags": listed})
    for part in (keys[:20], keys[20:]):
        entries = [{"TagKey": key, "Status": "Active"} for key in part]
        stub.add_response(UPDATE, {}, {"CostAllocationTagsStatus": entries})
    assert all(one.done for one in cost_tags.activate(stub.client, keys))


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        (LIST, lambda client: cost_tags.activate(client, KEYS)),
        (START, lambda client: cost_tags.backfill(client, first_of_month(date.today(), -1))),  # noqa: DTZ011
    ],
)
def test_a_member_account_is_told_whom_to_ask(stub: Stubber, operation: str, call: Callable[[Any], object]) -> None:
    stub.add_client_error(operation, "AccessDeniedException", "Linked account doesn't have access")
    with pytest.raises(LadderError, match="payer") as said:
        call(stub.client)
    assert "\n" not in str(said.value)


def test_a_member_account_that_lists_but_may_not_change(stub: Stubber) -> None:
    stub.add_response(LIST, {"CostAllocationTags": [INACTIVE]})
    stub.add_client_error(UPDATE, "AccessDeniedException", "no")
    with pytest.raises(LadderError, match=r"tags cannot be activated: .*payer"):
        cost_tags.activate(stub.client, ("cost-cell",))


@pytest.mark.parametrize("start", [date(2026, 11, 2), date(2019, 1, 1), date(2090, 1, 1)])
def test_a_backfill_begins_on_a_first_day_within_a_year(stub: Stubber, start: date) -> None:
    with pytest.raises(LadderError, match=f"backfill from {start}: it begins on the first day of a month, from "):
        cost_tags.backfill(stub.client, start)


def test_a_second_backfill_within_a_day(stub: Stubber) -> None:
    stub.add_client_error(START, "BackfillLimitExceededException", "one a day")
    times = {"BackfillFrom": "2026-10-01T00:00:00Z", "LastUpdatedAt": "2026-11-26T09:00:00Z"}
    older = {**times, "RequestedAt": "2026-11-01T09:00:00Z", "BackfillStatus": "SUCCEEDED"}
    newer = {**times, "RequestedAt": "2026-11-26T09:00:00Z", "BackfillStatus": "PROCESSING"}
    stub.add_response(HISTORY, {"BackfillRequests": [older], "NextToken": "t"}, {})
    stub.add_response(HISTORY, {"BackfillRequests": [newer]}, {"NextToken": "t"})
    start = first_of_month(date.today())  # noqa: DTZ011
    with pytest.raises(LadderError, match="the one from 2026-10-01 was started at 2026-11-26T09:00:00Z and is PROCESS"):
        cost_tags.backfill(stub.client, start)


def test_the_commands(stub: Stubber, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(tags, "_client", lambda: stub.client)
    stub.add_response(LIST, {"CostAllocationTags": [ACTIVE, INACTIVE]})
    stub.add_response(HISTORY, {"BackfillRequests": []})
    tags.status()
    assert "1 of 6 tags are active" in capsys.readouterr().out
    stub.add_response(LIST, {"CostAllocationTags": [ACTIVE, INACTIVE]})
    stub.add_response(UPDATE, {})
    with pytest.raises(LadderError, match=r"^4 of 6 tags are not active yet \(project, approach, owner, iamPrincipal"):
        tags.activate()
    assert capsys.readouterr().out.count("\n") == 6

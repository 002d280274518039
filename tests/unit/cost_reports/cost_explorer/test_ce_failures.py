"""Every refusal says in one line what it means and what to do."""

from __future__ import annotations

import botocore.session
import pytest

from cost_reports.cost_explorer.failures import failure, is_member_account

MEMBER = "Linked account doesn't have access to cost allocation tags"


@pytest.mark.parametrize(
    ("request_name", "code", "message", "said"),
    [
        ("service", "AccessDeniedException", "User: x is not authorized", "allow ce:GetCostAndUsage"),
        ("forecast", "AccessDeniedException", "User: x is not authorized", "allow ce:GetCostForecast"),
        ("service", "AccessDeniedException", "User not enabled for cost explorer access", "about 24 hours"),
        ("service", "AccessDeniedException", "Linked account has no access", "This is a member account"),
        ("service", "AccessDeniedException", "Your payer account has not allowed this", "Cost Management preferences"),
        ("tags", "AccessDeniedException", "User not enabled for cost explorer access", "about 24 hours"),
        ("tags", "AccessDeniedException", MEMBER, "Only the account that pays"),
        ("tags", "AccessDeniedException", "User: x is not authorized", "allow ce:ListCostAllocationTags"),
        ("service", "DataUnavailableException", "", "If it was enabled just now"),
        ("model", "DataUnavailableException", "", "2026-09-01"),
        ("role", "DataUnavailableException", "", "2026-09-01"),
        ("forecast", "DataUnavailableException", "", "the report makes its own"),
        ("service", "LimitExceededException", "slow down", "too many requests"),
        ("service", "BillExpirationException", "", "refreshed while its pages were read"),
        ("service", "RequestChangedException", "", "refreshed while its pages were read"),
        ("service", "InvalidNextTokenException", "", "refreshed while its pages were read"),
        (
            "service",
            "ValidationException",
            "Start date is\nbad",
            "refuses the request as it stands: Start date is bad.",
        ),
        ("forecast", "ValidationException", "", "no reason given. A forecast has to begin today"),
        ("service", "ResourceNotFoundException", "no arn", "does not exist; use the account's own view. (no arn)"),
        ("service", "BillingViewHealthStatusException", "UPDATING", "not healthy at present"),
        ("service", "ExpiredTokenException", "secret", "sign in again"),
        ("service", "NoCredentialsError", "", "sign in again"),
        ("service", "InvalidSignatureException", "", "set the clock"),
        ("service", "EndpointConnectionError", "", "could not be reached"),
        ("service", "ReadTimeoutError", "", "could not be reached"),
        ("service", "ThrottlingException", "", "AWS throttles"),
        ("service", "ServiceUnavailable", "", "a fault of its own"),
        ("service", "Deadline", "last error: x", "used up before this was answered"),
        ("service", "UnreadableAnswer", "cut service: in EUR", "cannot be used. (cut service: in EUR)"),
        ("service", "SomethingNewException", "why\n so", "AWS refused the request (SomethingNewException): why so"),
    ],
)
def test_what_is_said(request_name: str, code: str, message: str, said: str) -> None:
    found = failure(request_name, code, message)
    assert (found.request, found.code) == (request_name, code)
    assert said in found.text
    assert "\n" not in found.text
    assert found.text


@pytest.mark.parametrize("operation", ["GetCostAndUsage", "GetCostForecast", "ListCostAllocationTags"])
def test_every_error_of_the_service_model_has_its_own_words(operation: str) -> None:
    model = botocore.session.get_session().get_service_model("ce").operation_model(operation)
    for error in model.error_shapes:
        assert not failure("service", error.name, "x").text.startswith("AWS refused the request"), error.name


def test_member_accounts_are_told_from_missing_permissions() -> None:
    assert is_member_account(MEMBER)
    assert not is_member_account("User: arn:aws:sts::1:assumed-role/x is not authorized to perform: ce:GetCostAndUsage")

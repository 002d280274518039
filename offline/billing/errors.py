"""Errors of the billing services in AWS's words, as far as they are known."""

from __future__ import annotations

from offline.common.wire import AwsError


def access_denied(message: str) -> AwsError:
    return AwsError("AccessDeniedException", message)


def throttled() -> AwsError:
    return AwsError("LimitExceededException", "You made too many calls in a short period of time. Try again later.")


def data_unavailable(message: str) -> AwsError:
    return AwsError("DataUnavailableException", message)


def not_found(message: str, **members: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message, 400, **members)


def invalid_token() -> AwsError:
    return AwsError(
        "InvalidNextTokenException", "The pagination token is invalid. Try again without a pagination token."
    )


def request_changed() -> AwsError:
    return AwsError(
        "RequestChangedException",
        "Your request parameters changed between pages. Try again with the old parameters or without a pagination"
        " token.",
    )


def bill_expired() -> AwsError:
    return AwsError("BillExpirationException", "The requested report expired. Update the date interval and try again.")


def backfill_limit() -> AwsError:
    return AwsError(
        "BackfillLimitExceededException",
        "A request to backfill is already in progress. Once the previous request is complete, you can create another"
        " request.",
    )

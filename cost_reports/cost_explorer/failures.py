"""What it means, and what to do, when AWS refuses to say what was billed. A refusal is a state, never a zero."""

from __future__ import annotations

from cost_reports.spend_report.report import Failure

#: Codes that are not AWS's own.
DEADLINE = "Deadline"
UNREADABLE = "UnreadableAnswer"
DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})
UNAVAILABLE = "DataUnavailableException"

_CREDENTIALS = (
    "The AWS credentials are missing, wrong or expired; sign in again (`aws sts get-caller-identity` shows whether they"
    " work)."
)
_CONNECTION = (
    "Cost Explorer could not be reached; its only endpoint is in us-east-1, so check the connection, or the proxy, and"
    " run the report again."
)
_LATER = "Nothing is lost; run the report again."
_CHANGED = f"The bill was refreshed while its pages were read, twice in a row. {_LATER}"
_SKEW = "The signature's time differs from AWS's by more than 5 minutes; set the clock of the machine."

#: Codes of AWS, and names of botocore's errors.
_REFUSED_CREDENTIALS = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId")
_NO_CREDENTIALS = (
    *("UnrecognizedClientException", "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"),
    *("TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError"),
)
_NO_CONNECTION = ("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "SSLError")
_LOST_CONNECTION = ("ReadTimeoutError", "ConnectionClosedError", "ConnectionError", "HTTPClientError")

_TEXTS = {
    "LimitExceededException": f"Cost Explorer had too many requests and answered none of several attempts. {_LATER}",
    "BillExpirationException": _CHANGED,
    "RequestChangedException": _CHANGED,
    "InvalidNextTokenException": _CHANGED,
    "ResourceNotFoundException": "The billing view that was asked for does not exist; use the account's own view.",
    "BillingViewHealthStatusException": (
        "The account's billing view is not healthy at present; the Billing console says why. Run the report again when"
        " it is."
    ),
    DEADLINE: f"The time for reading the bill was used up before this was answered. {_LATER}",
    UNREADABLE: "Cost Explorer's answer cannot be used.",
    "InvalidSignatureException": _SKEW,
    "RequestTimeTooSkewed": _SKEW,
    **dict.fromkeys(("ThrottlingException", "Throttling", "TooManyRequestsException"), f"AWS throttles. {_LATER}"),
    **dict.fromkeys(
        ("InternalServerException", "InternalFailure", "ServiceUnavailable", "ServiceUnavailableException"),
        f"AWS has a fault of its own. {_LATER}",
    ),
    **dict.fromkeys((*_REFUSED_CREDENTIALS, *_NO_CREDENTIALS), _CREDENTIALS),
    **dict.fromkeys((*_NO_CONNECTION, *_LOST_CONNECTION), _CONNECTION),
}
#: Where AWS's own words say what exactly is wrong.
_WITH_MESSAGE = frozenset({UNREADABLE, DEADLINE, "ResourceNotFoundException", "BillingViewHealthStatusException"})


def failure(request: str, code: str, message: str = "") -> Failure:
    """Return the failure of a request.

    `request` is its grouping, `forecast` or `tags`, `code` AWS's code or the name of the error, `message` AWS's words.
    """
    words = " ".join(message.split())
    if code in DENIED:
        text = _denied(request, words)
    elif code == UNAVAILABLE:
        text = _unavailable(request)
    elif code == "ValidationException":
        text = f"Cost Explorer refuses the request as it stands: {words or 'no reason given'}. {_validation(request)}"
    elif code in _TEXTS:
        text = f"{_TEXTS[code]} ({words})" if words and code in _WITH_MESSAGE else _TEXTS[code]
    else:
        text = f"AWS refused the request ({code}): {words or 'no reason given'}"
    return Failure(request=request, code=code, text=text)


def is_member_account(message: str) -> bool:
    """Return whether AWS denied something because the account is a member of an organisation, and not its payer."""
    words = message.lower()
    return "linked account" in words or "payer" in words or "member account" in words


def _denied(request: str, words: str) -> str:
    reason = f" ({words})" if words else ""
    if "not enabled" in words.lower():
        return (
            "Cost Explorer is not enabled for this account: open it once in the Billing console (in an organisation the"
            f" account that pays has to) and wait about 24 hours{reason}."
        )
    if request == "tags":
        if is_member_account(words):
            return f"Only the account that pays (the payer) can see and activate cost-allocation tags{reason}."
        return (
            "The role may not list cost-allocation tags: allow ce:ListCostAllocationTags, or run it with the account"
            f" that pays (the payer), which alone can see them{reason}."
        )
    if is_member_account(words):
        return (
            "This is a member account and the account that pays (the payer) has not allowed it to use Cost Explorer:"
            f" its owner can, in the Billing console under Cost Management preferences{reason}."
        )
    action = "ce:GetCostForecast" if request == "forecast" else "ce:GetCostAndUsage"
    return (
        f"The role may not read costs: allow {action}, and check that no organisation policy forbids it and that the"
        f" account that pays (the payer) lets member accounts use Cost Explorer{reason}."
    )


def _unavailable(request: str) -> str:
    if request == "forecast":
        return "AWS has too little history of this experiment to forecast it; the report makes its own where it can."
    if request in ("model", "role"):
        return (
            "Cost Explorer has no data by model for these days: it begins on 2026-09-01, and about 24 hours after the"
            " first use of Bedrock."
        )
    return (
        "Cost Explorer has no data for these days. If it was enabled just now, by its first use or in the console, the"
        " first data appears after about 24 hours."
    )


def _validation(request: str) -> str:
    if request == "forecast":
        return "A forecast has to begin today, so check that the clock is right."
    return "It knows about 13 months back; choose later days, and check that the clock is right."

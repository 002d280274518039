"""What a report says where the run was not on AWS: which numbers are real, which are not, in words."""

from __future__ import annotations

from collections.abc import Mapping


def statements(stand_ins: Mapping[str, str]) -> tuple[str, ...]:
    """Return the sentences that head every rendering of a report made on the embedded AWS.

    `stand_ins` names for each priced AWS model or instance what really did the work on this machine.
    """
    pairs = "; ".join(f"{real} did the work of {priced}" for priced, real in stand_ins.items())
    return (
        "SIMULATED BILL: this run used the embedded AWS on one machine, not an AWS account; nothing was billed."
        + (f" {pairs}." if pairs else ""),
        "Quantities (tokens, requests, bytes, seconds) are real and were metered. Prices are the list prices of the"
        " named AWS models and services, applied to these quantities.",
        "Latency, and the seconds of training and serving, are those of the local stand-in; on AWS they differ, and so"
        " do the dollars that come from seconds. Quality is that of the local model, not of the priced one.",
    )

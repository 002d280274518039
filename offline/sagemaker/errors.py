"""Errors of SageMaker in AWS's words, as far as they are known."""

from __future__ import annotations

from offline.common.wire import AwsError, invalid


def not_found(kind: str, name: str) -> AwsError:
    return invalid(f'Could not find {kind} "{name}".')


def already_exists(kind: str, name: str) -> AwsError:
    return invalid(f"Cannot create already existing {kind} {name!r}.")


def job_not_found() -> AwsError:
    return AwsError("ResourceNotFound", "Requested resource not found.")


def job_name_used(name: str) -> AwsError:
    return AwsError("ResourceInUse", f"Training job names must be unique; {name} has been used")


def job_has_ended(status: str) -> AwsError:
    return invalid(f"The request was rejected because the training job is {status}")


def not_in_service(endpoint: str) -> AwsError:
    return AwsError("ValidationError", f"Endpoint {endpoint} of account not found or not in service.")


def model_error(status: int, text: str) -> AwsError:
    """Return the error for a request that the endpoint's own process refuses."""
    side = "client" if status < 500 else "server"
    return AwsError(
        "ModelError",
        f'Received {side} error ({status}) from primary with message "{text}".',
        424,
        OriginalStatusCode=status,
        OriginalMessage=text,
    )

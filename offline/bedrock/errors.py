"""Errors of Bedrock Runtime in AWS's words, as far as they are known."""

from __future__ import annotations

from offline.common.wire import AwsError, invalid
from offline.models.own.server import ServerError


def unknown_model() -> AwsError:
    return invalid("The provided model identifier is invalid.")


def not_a_text_model() -> AwsError:
    return invalid(
        "This action doesn't support the model that you provided. Try again with a supported text or chat model."
    )


def no_streaming() -> AwsError:
    return invalid("The model is unsupported for streaming.")


def unsupported(member: str) -> AwsError:
    return invalid(f"This model doesn't support {member}. Remove it and try again.")


def unsupported_block(kind: str) -> AwsError:
    return invalid(f"This model doesn't support the {kind} field. Remove {kind} and try again.")


def blank_text(where: str) -> AwsError:
    return invalid(
        f"The text field in the ContentBlock object at {where} is blank. Add text to the text field, and try again."
    )


def no_user_message() -> AwsError:
    return invalid(
        "A conversation must start with a user message. Try again with a conversation that starts with a user message."
    )


def roles_do_not_alternate() -> AwsError:
    return invalid(
        "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between"
        " user and assistant roles and try again."
    )


def no_prefill() -> AwsError:
    return invalid(
        "This model does not support assistant message prefill. The conversation must end with a user message."
    )


def too_many_output_tokens(limit: int) -> AwsError:
    return invalid(
        f"The maximum tokens you requested exceeds the model limit of {limit}. Try again with a maximum tokens value"
        f" that is lower than {limit}."
    )


def prompt_too_long() -> AwsError:
    return invalid("Input is too long for requested model.")


def of_server(error: ServerError) -> AwsError:
    """Return the exception of Converse that a failure of the user's model server is most like."""
    message = str(error)
    if error.failure == "timeout" or error.status in (408, 504):
        return AwsError("ModelTimeoutException", message, 408)
    if error.failure == "unreachable" or error.status == 503:
        return AwsError("ServiceUnavailableException", message, 503)
    if error.status == 429:
        return AwsError("ThrottlingException", message, 429)
    if error.status in (401, 403):
        return AwsError("AccessDeniedException", message, 403)
    if error.status == 404:
        return AwsError("ResourceNotFoundException", message, 404)
    if error.status is not None and error.status >= 500:
        return AwsError("InternalServerException", message, 500)
    return AwsError("ModelErrorException", message, 424, originalStatusCode=error.status or 0)


def malformed_body(what: str) -> AwsError:
    """Return Titan's error for a body that breaks its schema."""
    return invalid(f"Malformed input request: {what}, please reformat your input and try again.")


def too_many_input_tokens(limit: int, tokens: int) -> AwsError:
    return invalid(
        f"400 Bad Request: Too many input tokens. Max input tokens: {limit}, request input token count: {tokens}"
    )

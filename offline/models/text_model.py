"""What a text model of the embedded AWS takes and gives, whether it runs here or behind a server."""

from __future__ import annotations

from typing import NotRequired, Protocol, TypedDict


class Request(TypedDict):
    """`messages` are `{"role", "content"}` with roles system, user and assistant; `stop` are texts that end an answer.

    Without a temperature a model decodes as it does by default; `seed` decides what is drawn above temperature 0.
    """

    messages: list[dict[str, str]]
    max_new_tokens: int
    stop: NotRequired[list[str]]
    temperature: NotRequired[float]
    top_p: NotRequired[float]
    seed: NotRequired[int]


class Answer(TypedDict):
    """`stop_reason` is one of Converse's; `latency_ms` is given by a model that knows better than its caller."""

    text: str
    input_tokens: int
    output_tokens: int
    stop_reason: str
    latency_ms: NotRequired[float]


class TextModel(Protocol):
    """Answers requests, several at a time."""

    def answer(self, request: Request) -> Answer:
        """Return the answer.

        Raises:
            RefusedError: the model cannot take the request.
            offline.models.own.server.ServerError: the server that runs the model gave none.
        """
        ...

    def release(self) -> None:
        """Give the model's memory back; the next request loads it again."""
        ...

    def close(self) -> None: ...


class RefusedError(ValueError):
    """The model cannot take a request; `kind` is the name of the exception that said so."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

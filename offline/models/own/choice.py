"""Which model answers: the packaged one, a folder of the user's, or a server; and how it is passed to the engines."""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


class OwnModelError(RuntimeError):
    """One line for a person: what is wrong with the model that they named, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """A folder in the layout of the Hugging Face hub: config.json, *.safetensors, a tokenizer with a chat template."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def arguments(self) -> tuple[str, ...]:
        """Return the options of `offline.engines` that name this model."""
        return ("--model-folder", str(self.path))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelServer:
    """A model behind `<url>/chat/completions`. `remote`: questions and pages may leave this machine."""

    url: str
    name: str
    remote: bool = False

    @property
    def address(self) -> str:
        """Return host and port, for reports."""
        return urlsplit(self.url).netloc

    def arguments(self) -> tuple[str, ...]:
        """Return the options of `offline.engines` that name this model."""
        allowed = ("--allow-remote-model",) if self.remote else ()
        return ("--model-url", self.url, "--model-name", self.name, *allowed)


OwnModel = ModelFolder | ModelServer


def choose(*, folder: Path | None, url: str | None, name: str | None, allow_remote: bool = False) -> OwnModel | None:
    """Return the model that a command's options name, None where they name none.

    Raises:
        OwnModelError: the options contradict each other, or the address is not one that may be asked.
    """
    if folder is not None and url is not None:
        raise OwnModelError("--model and --model-url name two models; leave one out")
    if url is None:
        for option, given in (("--model-name", name is not None), ("--allow-remote-model", allow_remote)):
            if given:
                raise OwnModelError(f"{option} goes with --model-url, the address of the server that runs the model")
        return None if folder is None else ModelFolder(path=folder.expanduser().resolve())
    if not name:
        raise OwnModelError(
            f"--model-url {url}: which of the server's models? Name one of {url.rstrip('/')}/models with --model-name"
        )
    return ModelServer(url=_checked(url, allow_remote=allow_remote), name=name, remote=allow_remote)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the engines that `OwnModel.arguments` writes."""
    parser.add_argument("--model-folder", type=Path, help="weights of the user's own model")
    parser.add_argument("--model-url", help="address of an OpenAI-compatible server")
    parser.add_argument("--model-name", help="which of the server's models")
    parser.add_argument("--allow-remote-model", action="store_true", help="the server may be another machine")


def of_options(options: argparse.Namespace) -> OwnModel | None:
    """Return the model that the engines' options name."""
    return choose(
        folder=options.model_folder,
        url=options.model_url,
        name=options.model_name,
        allow_remote=options.allow_remote_model,
    )


def is_asked_for(own: OwnModel, command: Sequence[str]) -> bool:
    """Return whether the engines' command names this very model."""
    wanted, given = own.arguments(), tuple(command)
    return any(given[i : i + len(wanted)] == wanted for i in range(len(given)))


def _checked(url: str, *, allow_remote: bool) -> str:
    parts = urlsplit(url)
    try:
        port_is_valid = parts.port != 0
    except ValueError:
        port_is_valid = False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_valid:
        raise OwnModelError(f"--model-url {url} is not an address such as http://127.0.0.1:11434/v1")
    if parts.username is not None or parts.query or parts.fragment:
        raise OwnModelError(
            f"--model-url {parts.scheme}://{parts.hostname}...: leave out user name, query and fragment; a key goes"
            " into the variable LADDER_MODEL_KEY"
        )
    if not allow_remote and not _is_loopback(parts.hostname):
        raise OwnModelError(
            f"--model-url {url} is not on this machine: questions and pages would be sent to {parts.hostname}; "
            "if they may, add --allow-remote-model"
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

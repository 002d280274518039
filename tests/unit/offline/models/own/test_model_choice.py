from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from offline.models.own.choice import (
    ModelFolder,
    ModelServer,
    OwnModelError,
    add_options,
    choose,
    is_asked_for,
    of_options,
)

NOTHING: dict[str, Any] = {"folder": None, "url": None, "name": None}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"folder": Path("/models/mine")}, ModelFolder(path=Path("/models/mine"))),
        (
            {"url": "http://127.0.0.1:11434/v1/", "name": "llama3.2"},
            ModelServer(url="http://127.0.0.1:11434/v1", name="llama3.2"),
        ),
        ({"url": "http://localhost/v1", "name": "m"}, ModelServer(url="http://localhost/v1", name="m")),
        ({"url": "http://[::1]:8000/v1", "name": "m"}, ModelServer(url="http://[::1]:8000/v1", name="m")),
        (
            {"url": "https://models.example.com/v1", "name": "m", "allow_remote": True},
            ModelServer(url="https://models.example.com/v1", name="m", remote=True),
        ),
    ],
)
def test_options_name_a_model_and_reach_the_engines(given: dict[str, Any], expected: Any) -> None:
    own = choose(**{**NOTHING, **given})
    assert own == expected
    if own is not None:
        parser = argparse.ArgumentParser()
        add_options(parser)
        assert of_options(parser.parse_args(own.arguments())) == own
        assert is_asked_for(own, ("python", *own.arguments(), "--port", "1"))
        assert not is_asked_for(own, ("python", "--model", "smollm2"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"folder": Path("m"), "url": "http://127.0.0.1/v1", "name": "m"}, "--model and --model-url name two models"),
        ({"name": "m"}, "--model-name goes with --model-url"),
        ({"folder": Path("m"), "allow_remote": True}, "--allow-remote-model goes with --model-url"),
        ({"url": "http://127.0.0.1:1/v1"}, "Name one of http://127.0.0.1:1/v1/models with --model-name"),
        ({"url": "127.0.0.1:11434", "name": "m"}, "is not an address such as http://127.0.0.1:11434/v1"),
        ({"url": "http://127.0.0.1:port/v1", "name": "m"}, "is not an address such as"),
        ({"url": "ftp://127.0.0.1/v1", "name": "m"}, "is not an address such as"),
        ({"url": "http://me:secret@127.0.0.1/v1", "name": "m"}, "a key goes into the variable LADDER_MODEL_KEY"),
        ({"url": "http://127.0.0.1/v1?key=secret", "name": "m"}, "leave out user name, query and fragment"),
        ({"url": "http://192.168.1.7:11434/v1", "name": "m"}, "not on this machine.*192.168.1.7.*--allow-remote-model"),
        ({"url": "http://localhost.example.com/v1", "name": "m"}, "not on this machine"),
        ({"url": "http://127.0.0.1.example.com/v1", "name": "m"}, "not on this machine"),
    ],
)
def test_what_cannot_be_asked_is_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OwnModelError, match=message) as caught:
        choose(**{**NOTHING, **given})
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)

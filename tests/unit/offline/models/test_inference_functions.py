from __future__ import annotations

import pytest

from offline.models import inference
from offline.models.hub import HubFolder
from offline.models.inference import Generated, PromptTooLongError, Served
from offline.models.text_model import Request

SHARED = "The handbook lists products, sites, policies and services of the house, one a page. "


@pytest.fixture(scope="module")
def served(tiny_hub: HubFolder) -> Served:
    loaded = inference.load(str(tiny_hub.snapshot), tokenizer=str(tiny_hub.snapshot), adapters={})
    loaded.model.float()  # answers must not depend on how prompts were batched
    return loaded


def ask(text: str, limit: int = 6, stop: tuple[str, ...] = ()) -> Request:
    return {"messages": [{"role": "user", "content": text}], "max_new_tokens": limit, "stop": [*stop]}


def answer(served: Served, *requests: Request) -> list[Generated]:
    return inference.generate(served, [inference.to_request(served, request) for request in requests])


def test_batching_changes_no_answer_and_no_count(served: Served) -> None:
    requests = [ask("word " * n + str(n), limit=3 + n % 4) for n in (1, 9, 30, 2, 17, 5)]
    together = answer(served, *requests)
    assert together == [answer(served, request)[0] for request in requests]
    assert [a.output_tokens for a in together] == [r["max_new_tokens"] for r in requests]
    assert {a.stop_reason for a in together} == {"max_tokens"}


def test_a_shared_beginning_changes_no_answer(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [ask(SHARED * 2 + "x" * n) for n in (1, 12, 5)]
    encoded = [served.tokenizer(r["messages"][0]["content"])["input_ids"] for r in requests]
    assert inference._shared_prefix(encoded) >= inference.SHARED_PREFIX
    shared = answer(served, *requests)
    monkeypatch.setattr(inference, "SHARED_PREFIX", 1 << 30)
    assert answer(served, *requests) == shared


def test_the_shared_beginning_leaves_every_prompt_a_token() -> None:
    same = list(range(40))
    assert inference._shared_prefix([same, same]) == 39
    assert inference._shared_prefix([same, [*same[:35], 99, 98]]) == 35
    assert inference._shared_prefix([same, [*same[:20], 99]]) == 0
    assert inference._shared_prefix([same]) == 0


def test_a_stop_sequence_ends_an_answer_and_is_cut_off(served: Served) -> None:
    free = answer(served, ask("Hello", limit=20))[0].text
    stop = free[4]
    (cut,) = answer(served, ask("Hello", limit=20, stop=(stop,)))
    assert cut.stop_reason == "stop_sequence"
    assert cut.text == free[: free.index(stop)]


def test_a_prompt_that_is_too_long_is_refused(served: Served) -> None:
    with pytest.raises(PromptTooLongError, match="tokens, the model takes 1 to 8191"):
        answer(served, ask("x" * 20000))

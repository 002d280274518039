"""What train.py promises, on the tiny model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lambdas.fine_tuning.training import lora, train
from lambdas.fine_tuning.training.examples import encode
from offline.models.hub import HubFolder
from offline.sagemaker import serve, server_settings

FACTS = {"pump": "24 months [P-1]", "valve": "60 months [P-2]", "drill": "12 months [P-3]", "lamp": "36 months [P-4]"}


def chat(item: str, context: str = "") -> dict[str, Any]:
    question = f"{context}Question: how long is the warranty of the {item}?"
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": FACTS[item]}]}


@pytest.fixture
def folders(tiny_hub: HubFolder, tmp_path: Path) -> train.Folders:
    data = tmp_path / "train"
    data.mkdir()
    (data / "lora.jsonl").write_text("".join(json.dumps(chat(i)) + "\n" for i in FACTS for _ in range(2)))
    context = "[P-9] Page: this page is about something else.\n\n"
    (data / "lora+rag.jsonl").write_text("".join(json.dumps(chat(i, context)) + "\n" for i in FACTS))
    settings = {
        "base_model": str(tiny_hub.snapshot),
        "seed": "7",
        "rank": "4",
        "alpha": "8",
        "learning_rate": "0.01",
        "batch_size": "4",
        "epochs_closed_book": "4",
        "epochs_rag": "2",
    }
    return train.Folders(
        train=data,
        model=tmp_path / "model",
        output=tmp_path / "output",
        checkpoints=tmp_path / "checkpoints",
        settings=settings,
    )


def record(folders: train.Folders) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folders.model / "training.json").read_text())
    return content


def weights(folders: train.Folders, adapter: str) -> bytes:
    return (folders.model / "adapters" / adapter / "adapter_model.safetensors").read_bytes()


def test_a_run_learns_saves_and_resumes(folders: train.Folders, capsys: pytest.CaptureFixture[str]) -> None:
    train.run(folders)
    trained = record(folders)
    closed_book = trained["adapters"]["lora"]
    assert closed_book["losses"][-1] < closed_book["losses"][0] - 0.3
    assert (closed_book["epochs"], closed_book["steps"], closed_book["examples"]) == (4, 8, 8)
    assert closed_book["tokens"] > closed_book["answer_tokens"] > 0
    assert len(trained["base_sha256"]) == 64
    assert {p.name for p in folders.model.iterdir()} == {"adapters", "tokenizer", "training.json"}
    lines = capsys.readouterr().out
    assert "adapter=lora epoch=4/4 done loss=" in lines
    assert "tokens_per_s=" in lines
    first = {name: weights(folders, name) for name in ("lora", "lora+rag")}

    # Interrupted after the first adapter: only the second is trained, and to the same weights.
    (folders.checkpoints / "lora+rag" / train.REPORT).unlink()
    (folders.model / "training.json").unlink()
    train.run(folders)
    again = record(folders)["adapters"]
    assert (again["lora"]["resumed"], again["lora+rag"]["resumed"]) == (True, False)
    assert {name: weights(folders, name) for name in first} == first
    assert "adapter=lora taken from a checkpoint" in capsys.readouterr().out

    # A checkpoint of another recipe is another adapter.
    other = dataclasses.replace(folders, settings={**folders.settings, "seed": "8", "adapters": "lora"})
    train.run(other)
    assert record(other)["adapters"]["lora"]["resumed"] is False
    assert weights(other, "lora") != first["lora"]


def test_the_endpoint_serves_what_was_trained(folders: train.Folders) -> None:
    settings = {**folders.settings, "epochs_closed_book": "40", "rank": "16", "alpha": "32", "adapters": "lora"}
    train.run(dataclasses.replace(folders, settings=settings))
    variables = {
        "SM_VLLM_MODEL": "owner/base",
        "SM_VLLM_TOKENIZER": "/opt/ml/model/tokenizer",
        "SM_VLLM_ENABLE_LORA": "true",
        "SM_VLLM_LORA_MODULES": '["lora=/opt/ml/model/adapters/lora"]',
    }
    server = server_settings.read(variables, folders.model)
    handle = serve.handler(server, serve.load(folders.model, server))

    def answer(model: str) -> str:
        body = {"model": model, "messages": chat("valve")["messages"][:1], "max_tokens": 40, "temperature": 0}
        text: str = json.loads(handle("POST", "/invocations", {}, json.dumps(body).encode()).body)["choices"][0][
            "message"
        ]["content"]
        return text

    assert answer("lora") == FACTS["valve"]
    assert answer("owner/base") != FACTS["valve"]


def test_the_gradient_does_not_depend_on_micro_batches(tiny_hub: HubFolder) -> None:
    base = AutoModelForCausalLM.from_pretrained(tiny_hub.snapshot, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tiny_hub.snapshot)
    batch = [encode(tokenizer, chat(item, "x " * n)["messages"]) for n, item in enumerate(FACTS)]
    answers = sum(len(e.answer) for e in batch)
    parameters = list(base.parameters())
    results = []
    for limit in (10, 10_000):
        masters = [p.detach().clone().requires_grad_() for p in parameters]
        loss = lora._step(base, batch, answers, limit, tokenizer.pad_token_id, parameters, masters)
        results.append((loss, [m.grad for m in masters]))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    for one, whole in zip(results[0][1], results[1][1], strict=True):
        torch.testing.assert_close(one, whole, rtol=1e-3, atol=1e-6)


def test_the_loss_is_that_of_the_answers_alone(tiny_hub: HubFolder) -> None:
    base = AutoModelForCausalLM.from_pretrained(tiny_hub.snapshot, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tiny_hub.snapshot)
    examples = [encode(tokenizer, chat(item, "x " * n)["messages"]) for n, item in enumerate(FACTS)]
    expected = 0.0
    for e in examples:
        ids = torch.tensor([[*e.prompt, *e.answer]])
        with torch.inference_mode():
            scores = base(input_ids=ids).logits[0, len(e.prompt) - 1 : -1].log_softmax(-1)
        expected -= float(scores.gather(1, torch.tensor(e.answer)[:, None]).sum())
    with torch.inference_mode():
        assert float(lora._loss_sum(base, examples, tokenizer.pad_token_id)) == pytest.approx(expected, rel=1e-4)


def test_a_failure_is_written_for_the_service(
    folders: train.Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders.train / "lora.jsonl").write_text('{"messages": 3}\n')
    monkeypatch.setattr(train.Folders, "find", lambda _environ: folders)
    with pytest.raises(ValueError, match=r"lora\.jsonl line 1"):
        train.main()
    assert "lora.jsonl line 1" in (folders.output / "failure").read_text()
    assert "ValueError: lora.jsonl line 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": "3"}, "hyperparameter 'epochs' is unknown"),
        ({"rank": "many"}, "hyperparameter rank: 'many' is not a number of type int"),
        ({"batch_size": "0"}, "hyperparameter batch_size: 0 is not positive"),
    ],
)
def test_a_bad_hyperparameter_is_named(values: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train.Settings.parse(values)


def test_hyperparameters_are_text_and_the_sdks_own_are_ignored() -> None:
    settings = train.Settings.parse({"rank": '"8"', "learning_rate": "1e-3", "sagemaker_program": "train.py"})
    assert (settings.rank, settings.learning_rate, settings.batch_size) == (8, 0.001, 8)
    assert settings.recipe("lora", "cpu").epochs == settings.epochs_closed_book
    assert settings.recipe("lora+rag", "cpu").epochs == settings.epochs_rag
    assert settings.recipe("lora", "cpu").seed != settings.recipe("lora+rag", "cpu").seed


def test_folders_come_from_the_toolkit_or_from_the_raw_container(tmp_path: Path) -> None:
    found = train.Folders.find({"SM_MODEL_DIR": "/m", "SM_HPS": '{"rank": 4}', "SM_CHANNEL_TRAIN": "/t"}, tmp_path)
    assert (found.model, found.train, found.settings) == (Path("/m"), Path("/t"), {"rank": 4})
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text('{"rank": "16"}')
    raw = train.Folders.find({}, tmp_path)
    assert raw.train == tmp_path / "input" / "data" / "train"
    assert raw.checkpoints == tmp_path / "checkpoints"
    assert raw.settings == {"rank": "16"}


@pytest.mark.parametrize(("last_layers", "adapted"), [(0, [1]), (1, [1]), (2, [0, 1])])
def test_the_last_layers_are_adapted(tiny_hub: HubFolder, last_layers: int, adapted: list[int]) -> None:
    base = AutoModelForCausalLM.from_pretrained(tiny_hub.snapshot)
    assert base.config.num_hidden_layers == 2
    options = lora.adapted_modules(base, last_layers)
    assert options["layers_to_transform"] == adapted
    assert options["target_modules"] == ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]


def test_more_layers_than_the_model_has(tiny_hub: HubFolder) -> None:
    base = AutoModelForCausalLM.from_pretrained(tiny_hub.snapshot)
    with pytest.raises(ValueError, match="last_layers is 3, and the model has 2 layers; write at most 2"):
        lora.adapted_modules(base, 3)

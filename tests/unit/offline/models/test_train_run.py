"""What train.py promises, on the tiny model."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from lambdas.fine_tuning.training import device, train, tuning
from lambdas.fine_tuning.training.checkpoints import FINISHED, MANIFEST
from lambdas.fine_tuning.training.examples import encode, split
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


def finished(folders: train.Folders, adapter: str, rate: str = "0.01") -> Path:
    return folders.checkpoints / adapter / f"rate-{rate}" / FINISHED


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
    assert "adapter=lora rate=0.01 epoch=4/4 step=8/8 loss=" in lines
    assert "tokens_per_s=" in lines
    first = {name: weights(folders, name) for name in ("lora", "lora+rag")}

    # SpotError after the first adapter: only the second is trained, and to the same weights.
    (finished(folders, "lora+rag") / MANIFEST).unlink()
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
        content = json.loads(handle("POST", "/invocations", {}, json.dumps(body).encode()).body)
        return str(content["choices"][0]["message"]["content"])

    assert answer("lora") == FACTS["valve"]
    assert answer("owner/base") != FACTS["valve"]


def test_an_interrupted_training_goes_on_from_its_last_whole_checkpoint(
    folders: train.Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**folders.settings, "adapters": "lora", "checkpoint_steps": "3"}
    folders = dataclasses.replace(folders, settings=settings)
    train.run(folders)
    expected, losses = weights(folders, "lora"), record(folders)["adapters"]["lora"]["losses"]
    shutil.rmtree(folders.checkpoints)
    shutil.rmtree(folders.model)

    class SpotError(Exception):
        pass

    def interrupt(_self: object, _args: object, state: Any, *_: object, **__: object) -> None:
        if state.global_step == 7:
            raise SpotError

    with monkeypatch.context() as patch:
        patch.setattr(tuning.Keeper, "on_step_begin", interrupt)
        with pytest.raises(SpotError):
            train.run(folders)
    root = finished(folders, "lora").parent
    assert {path.name for path in root.iterdir()} == {"checkpoint-3", "checkpoint-6"}
    # The uploader saw a file of the newest one half written, and the service moved all to another folder.
    half = root / "checkpoint-6" / "optimizer.pt"
    half.write_bytes(half.read_bytes()[:100])
    moved = dataclasses.replace(folders, checkpoints=folders.checkpoints.with_name("moved"))
    folders.checkpoints.rename(moved.checkpoints)
    capsys.readouterr()
    train.run(moved)
    lines = capsys.readouterr().out
    assert "resumed from checkpoint-3" in lines
    assert "step=2/8" not in lines
    again = record(moved)["adapters"]["lora"]["losses"]
    assert (again[0], again[2:]) == (losses[0], losses[2:]), "the second epoch is told from where it went on"
    assert weights(moved, "lora") == expected


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")  # peft's own, when it loads an adapter
def test_the_best_of_the_learning_rates_and_its_best_epoch_are_kept(
    folders: train.Folders, tiny_hub: HubFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"adapters": "lora", "learning_rates": "0.02,0.3", "early_stopping_patience": "1", "dev_share": "0.25"}
    folders = dataclasses.replace(folders, settings={**folders.settings, **given, "epochs_closed_book": "9"})
    train.run(folders)
    report = record(folders)["adapters"]["lora"]
    assert (report["examples"], report["held_out"]) == (6, 2)
    assert report["learning_rate"] == 0.02
    assert set(report["tried"]) == {"0.02", "0.3"}
    assert report["score"] == min(report["dev_losses"]) < report["tried"]["0.3"]
    assert "adapter=lora learning_rate=0.02 of" in capsys.readouterr().out

    early = json.loads((finished(folders, "lora", "0.3") / MANIFEST).read_text())["report"]
    best = early["dev_losses"].index(min(early["dev_losses"]))
    assert early["epochs"] == best + 2 < 9, "one epoch without a better loss, then the end"
    tokenizer = AutoTokenizer.from_pretrained(tiny_hub.snapshot)
    examples = [encode(tokenizer, chat(item)["messages"]) for item in FACTS for _ in range(2)]
    held = split(examples, 0.25, early["seed"])[1]
    base = device.load_base(str(tiny_hub.snapshot), "lora")
    model = PeftModel.from_pretrained(base, str(finished(folders, "lora", "0.3")))
    with torch.inference_mode():
        total = tuning.answer_loss(model, tuning.left_padded(0)([tuning.row(e) for e in held]))
    assert float(total) / sum(len(e.answer) for e in held) == pytest.approx(early["score"], rel=0.02)


@pytest.mark.parametrize(("method", "place"), [("dora", "adapters"), ("full", "full")])
def test_other_methods(folders: train.Folders, tiny_hub: HubFolder, method: str, place: str) -> None:
    given = {"method": method, "adapters": "lora", "learning_rate": "0.01", "epochs_closed_book": "2"}
    train.run(dataclasses.replace(folders, settings={**folders.settings, **given}))
    assert record(folders)["method"] == method
    losses = record(folders)["adapters"]["lora"]["losses"]
    assert losses[1] < losses[0]
    assert [p.name for p in folders.model.glob("*/lora")] == ["lora"]
    written = folders.model / place / "lora"
    if method == "dora":
        assert json.loads((written / "adapter_config.json").read_text())["use_dora"] is True
    else:
        own = AutoModelForCausalLM.from_pretrained(written)
        base = AutoModelForCausalLM.from_pretrained(tiny_hub.snapshot)
        changed = [n for (n, a), b in zip(own.named_parameters(), base.parameters(), strict=True) if not a.equal(b)]
        assert len(changed) == len(list(base.parameters()))


def test_qlora_is_refused_without_a_gpu_before_anything_is_loaded(folders: train.Folders) -> None:
    settings = {**folders.settings, "method": "qlora", "base_model": "no-owner/no-model"}
    with pytest.raises(ValueError, match=r"bitsandbytes on a CUDA GPU, .* write method: lora"):
        train.run(dataclasses.replace(folders, settings=settings))


def test_one_process_a_gpu() -> None:
    command = train.several_processes(4, {})
    assert command is not None
    assert command[1:5] == ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=4"]
    assert command[5].endswith("training/train.py")
    assert train.several_processes(1, {}) is None
    assert train.several_processes(4, {"LOCAL_RANK": "0"}) is None


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
    rows = [tuning.row(e) for e in examples]
    assert [r["labels"].count(tuning.IGNORED) for r in rows] == [len(e.prompt) for e in examples]
    assert [r["labels"][len(e.prompt) :] for r, e in zip(rows, examples, strict=True)] == [
        list(e.answer) for e in examples
    ]
    with torch.inference_mode():
        loss = tuning.answer_loss(base, tuning.left_padded(tokenizer.pad_token_id)(rows))
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_packed_examples_do_not_see_each_other(folders: train.Folders) -> None:
    """The first loss is that of the untrained model: packed and padded rows must give the same."""
    first = {}
    for packing in ("true", "false"):
        given = {"packing": packing, "batch_size": "8", "epochs_closed_book": "1", "adapters": "lora"}
        train.run(dataclasses.replace(folders, settings={**folders.settings, **given}))
        report = record(folders)["adapters"]["lora"]
        assert report["steps"] == 1
        first[packing] = report["losses"][0]
    assert first["true"] == pytest.approx(first["false"], rel=0.01)


def test_a_failure_is_written_for_the_service(
    folders: train.Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders.train / "lora.jsonl").write_text('{"messages": 3}\n')
    monkeypatch.setattr(train.Folders, "find", lambda _environ: folders)
    with pytest.raises(ValueError, match=r"lora\.jsonl line 1"):
        train.main()
    assert "lora.jsonl line 1" in (folders.output / "failure").read_text()
    assert "ValueError: lora.jsonl line 1" in capsys.readouterr().err


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

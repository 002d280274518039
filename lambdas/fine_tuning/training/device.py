"""What this machine computes on, and the base model loaded for it."""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import torch


def device_and_dtype() -> tuple[torch.device, torch.dtype]:
    """Return CUDA if there is one, and bfloat16 where the processor computes in it.

    A measured speed would not do: a job that continues must get the type that it began with, on a busy machine too.
    """
    if torch.cuda.is_available():
        local = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        return local, torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.device("cpu"), torch.bfloat16 if _cpu_has_bfloat16() else torch.float32


def _cpu_has_bfloat16() -> bool:
    """Return whether Linux names an instruction set for bfloat16: avx512_bf16 or amx_bf16 (x86), bf16 (Arm)."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return re.search(r"^(?:flags|Features)\b.*\b(?:avx512_bf16|amx_bf16|bf16)\b", text, re.MULTILINE) is not None


def check_method(method: str, device: torch.device) -> None:
    """Raises ValueError, before anything is loaded, if this machine cannot train with `method`."""
    if method == "qlora" and device.type != "cuda":
        raise ValueError(
            "method qlora quantises with bitsandbytes on a CUDA GPU, and this machine has none; "
            "write method: lora, or train on a GPU instance"
        )


def load_base(name: str, method: str, revision: str = "") -> Any:
    """Return the base model on its device: 4-bit for QLoRA, float32 where all weights are trained."""
    transformers: Any = import_module("transformers")
    device, dtype = device_and_dtype()
    # On a CPU the plain attention is faster than the fused one at these lengths, most of all backwards.
    options: dict[str, Any] = {"attn_implementation": "eager" if device.type == "cpu" else "sdpa"}
    options["dtype"] = torch.float32 if method == "full" else dtype
    if method == "qlora":
        options["quantization_config"] = transformers.BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
        options["device_map"] = {"": device.index}
    base = transformers.AutoModelForCausalLM.from_pretrained(name, revision=revision or "main", **options)
    if method != "qlora":
        base.to(device)
    # A slice over the last positions is not contiguous, and for such an input and a frozen weight PyTorch copies the
    # weight once a row: 900 MB for sixteen rows of a vocabulary of 49,152.
    base.get_output_embeddings().register_forward_pre_hook(lambda _module, inputs: (inputs[0].contiguous(),))
    return base

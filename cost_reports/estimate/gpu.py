"""GPU memory and time: which instance holds a model, how long training takes, how many requests it answers a second."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeVar

T = TypeVar("T")
Method = Literal["full", "lora", "qlora", "reft"]
METHODS: tuple[Method, ...] = ("lora", "qlora", "reft", "full")

#: Bytes a frozen parameter: bf16; QLoRA's NF4 with double quantisation is 4.127 bits (QLoRA paper).
FROZEN_BYTES = {"lora": Fraction(2), "qlora": Fraction(4127, 8000), "reft": Fraction(2), "full": Fraction(0)}
#: AdamW in mixed precision: 2 weights + 2 gradients + 12 optimiser states (ZeRO paper).
TRAINED_BYTES = 16
#: FLOPs a parameter and token, with activation recomputation (EleutherAI cookbook): 8 full, 6 with a frozen base.
TRAINING_FLOPS = {"full": 8, "lora": 6, "qlora": 6, "reft": 6}
#: What the CUDA context, kernels and fragmentation take on each GPU.
OVERHEAD_BYTES = 3 * 2**29


@dataclass(frozen=True, slots=True)
class Gpu:
    """`memory` in GB (1e9 bytes), dense bf16 `tflops`, `bandwidth` in GB/s, from the maker's data sheet."""

    memory: int
    tflops: int
    bandwidth: int


@dataclass(frozen=True, slots=True)
class Instance:
    """GPUs of a SageMaker instance type."""

    gpu: Gpu
    count: int


_T4, _A10G, _L4 = Gpu(16, 65, 320), Gpu(24, 70, 600), Gpu(24, 121, 300)
_L40S, _A100, _A100_80, _H100 = Gpu(48, 362, 864), Gpu(40, 312, 1555), Gpu(80, 312, 2039), Gpu(80, 989, 3350)

#: Size of a g5, g6 or g6e instance -> its GPUs.
_SIZES = {"xlarge": 1, "2xlarge": 1, "4xlarge": 1, "12xlarge": 4, "48xlarge": 8}
INSTANCES: dict[str, Instance] = {
    "ml.g4dn.xlarge": Instance(_T4, 1),
    **{
        f"ml.{family}.{size}": Instance(gpu, count)
        for family, gpu in (("g5", _A10G), ("g6", _L4), ("g6e", _L40S))
        for size, count in _SIZES.items()
    },
    "ml.p4d.24xlarge": Instance(_A100, 8),
    "ml.p4de.24xlarge": Instance(_A100_80, 8),
    "ml.p5.4xlarge": Instance(_H100, 1),
    "ml.p5.48xlarge": Instance(_H100, 8),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder: parameters, width, layers, width of queries and of keys and values, width of the feed-forward part.

    `context` is the most tokens of prompt and answer together (`max_position_embeddings`).
    """

    parameters: int
    hidden: int
    layers: int
    query: int
    key_value: int
    feed_forward: int
    context: int


#: Open-weight models by Hugging Face id; numbers from the config.json of each.
SHAPES: dict[str, Shape] = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": Shape(134_515_008, 576, 30, 576, 192, 1536, 8192),
    "HuggingFaceTB/SmolLM2-360M-Instruct": Shape(361_821_120, 960, 32, 960, 320, 2560, 8192),
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": Shape(1_711_376_384, 2048, 24, 2048, 2048, 8192, 8192),
    "Qwen/Qwen3-0.6B": Shape(596_049_920, 1024, 28, 2048, 1024, 3072, 40_960),
    "Qwen/Qwen3-1.7B": Shape(1_720_574_976, 2048, 28, 2048, 1024, 6144, 40_960),
    "Qwen/Qwen3-4B": Shape(4_022_468_096, 2560, 36, 4096, 1024, 9728, 40_960),
    "Qwen/Qwen3-8B": Shape(8_190_735_360, 4096, 36, 4096, 1024, 12288, 40_960),
    "meta-llama/Meta-Llama-3-8B-Instruct": Shape(8_030_261_248, 4096, 32, 4096, 1024, 14336, 8192),
    "meta-llama/Meta-Llama-3-70B-Instruct": Shape(70_553_706_496, 8192, 80, 8192, 1024, 28672, 8192),
}


class CapacityError(ValueError):
    """A model or an instance is unknown, or nothing is large enough."""


def shape_of(model: str) -> Shape:
    """Return the shape of an open-weight model.

    Raises:
        CapacityError: it is not in `SHAPES`.
    """
    return _known(SHAPES, model, f"base model {model!r} has no known shape")


def instance_of(name: str) -> Instance:
    """Return the GPUs of an instance type.

    Raises:
        CapacityError: it is not in `INSTANCES`.
    """
    return _known(INSTANCES, name, f"instance {name!r} is unknown")


def _known(table: dict[str, T], name: str, error: str) -> T:
    if name not in table:
        raise CapacityError(f"{error}; known are {', '.join(table)}")
    return table[name]


def lora_parameters(shape: Shape, rank: int, *, all_linear: bool = True) -> int:
    """Return trainable parameters of LoRA: rank x (inputs + outputs) of each adapted matrix, summed over the layers.

    All linear layers are q, k, v, o, gate, up and down; otherwise q and v only (LoRA paper).
    """
    q, kv = shape.hidden + shape.query, shape.hidden + shape.key_value
    each = q + kv
    if all_linear:
        each += kv + q + 3 * (shape.hidden + shape.feed_forward)
    return rank * each * shape.layers


def reft_parameters(hidden: int, rank: int, layers: int = 1) -> int:
    """Return trainable parameters of LoReFT: 2 r d + r for each intervened layer (pyreft)."""
    return (2 * rank * hidden + rank) * layers


def trainable(shape: Shape, method: Method, rank: int) -> int:
    """Return the parameters that a method trains; QLoRA trains those of LoRA."""
    if method == "full":
        return shape.parameters
    return reft_parameters(shape.hidden, 4, shape.layers) if method == "reft" else lora_parameters(shape, rank)


def weight_bytes(parameters: int, method: Method, trained: int) -> Fraction:
    """Return memory of weights, gradients and optimiser: frozen bytes + 16 bytes for each trained parameter."""
    frozen = 0 if method == "full" else parameters
    return frozen * FROZEN_BYTES[method] + trained * TRAINED_BYTES


def activation_bytes(shape: Shape, sequence: int, batch: int) -> int:
    """Return memory of activations with full recomputation: 2 s b h for each layer, and 34 s b h for the one at work.

    Korthikanti et al. 2022, without the attention matrix: fused kernels do not keep it.
    """
    return sequence * batch * shape.hidden * (2 * shape.layers + 34)


def training_memory(shape: Shape, method: Method, *, rank: int, sequence: int, batch: int) -> Fraction:
    """Return bytes on all GPUs together, without the overhead of each."""
    weights = weight_bytes(shape.parameters, method, trainable(shape, method, rank))
    return weights + activation_bytes(shape, sequence, batch)


def fits(instance: Instance, needed: Fraction) -> bool:
    """Return whether `needed` bytes fit, spread evenly over the GPUs (FSDP) beside the overhead of each."""
    return needed <= instance.count * (instance.gpu.memory * 10**9 - OVERHEAD_BYTES)


def smallest(needed: Fraction, prices: dict[str, Fraction]) -> str:
    """Return the cheapest instance type of `prices` (USD an hour) that holds `needed` bytes.

    Raises:
        CapacityError: none does.
    """
    able = [(prices[name], name) for name in prices if name in INSTANCES and fits(INSTANCES[name], needed)]
    if not able:
        raise CapacityError(f"no instance type holds {float(needed) / 1e9:,.0f} GB; train on several machines")
    return min(able)[1]


def training_seconds(
    shape: Shape, method: Method, tokens: int, instance: Instance, *, mfu: Fraction = Fraction(3, 10)
) -> Fraction:
    """Return seconds to train on `tokens`: FLOPs / (GPUs x peak x MFU). Small jobs usually reach an MFU of 0.3."""
    flops = TRAINING_FLOPS[method] * shape.parameters * tokens
    return flops / (instance.count * instance.gpu.tflops * 10**12 * mfu)


def requests_per_second(
    parameters: int, instance: Instance, *, input_tokens: int, output_tokens: int, batch: int = 16
) -> Fraction:
    """Return requests a second of an endpoint that batches `batch` requests.

    Prompt: 2 N FLOPs a token at 30 % of peak. Output: each step reads all weights (2 N bytes) once for the batch, at 60
    % of bandwidth. GPUs share the work. A planning figure: measure before relying on it.
    """
    gpu = instance.gpu
    prompt = Fraction(2 * parameters * input_tokens) / (gpu.tflops * 10**12 * Fraction(3, 10))
    output = Fraction(2 * parameters * output_tokens) / (gpu.bandwidth * 10**9 * Fraction(6, 10) * batch)
    return instance.count / (prompt + output)


def import_units(parameters: int) -> int:
    """Return units of Bedrock custom model import: 2 for 8 B parameters, so one for each 4.1 B begun."""
    return max(1, -(-parameters // 4_100_000_000))

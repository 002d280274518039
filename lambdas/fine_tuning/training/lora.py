"""LoRA on one adapter: the training loop. Runs in the training container and on a laptop, on CUDA or on the CPU."""

from __future__ import annotations

import random
import re
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy

if TYPE_CHECKING or __package__:
    from .examples import Encoded, batches, micro_batches
else:  # in the container the files lie side by side, in no package
    from examples import Encoded, batches, micro_batches

FLOOR = 0.05
"""The learning rate falls linearly to this share of its peak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one adapter is trained. `micro_batch_tokens` bounds memory; the gradient does not depend on it.

    `last_layers` are adapted, counted from the output; 0 is half of the model's.
    """

    rank: int
    alpha: int
    last_layers: int
    learning_rate: float
    batch_size: int
    epochs: int
    seed: int
    micro_batch_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What training took and gave. `tokens` are those of all examples times epochs, without padding."""

    seconds: float
    tokens: int
    answer_tokens: int
    examples: int
    epochs: int
    steps: int
    losses: list[float]
    seed: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def device_and_dtype() -> tuple[torch.device, torch.dtype]:
    """Return CUDA if there is one, and bfloat16 where the processor computes in it.

    A measured speed would not do: a job that continues must get the type that it began with, on a busy machine too.
    """
    if torch.cuda.is_available():
        return torch.device("cuda"), torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.device("cpu"), torch.bfloat16 if _cpu_has_bfloat16() else torch.float32


def _cpu_has_bfloat16() -> bool:
    """Return whether Linux names an instruction set for bfloat16: avx512_bf16 or amx_bf16 (x86), bf16 (Arm)."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return re.search(r"^(?:flags|Features)\b.*\b(?:avx512_bf16|amx_bf16|bf16)\b", text, re.MULTILINE) is not None


def with_fast_head(base: Any) -> Any:
    """Return `base`, whose output layer gets its input in one piece.

    A slice over the last positions is not contiguous, and for such an input and a frozen weight PyTorch copies the
    weight once a row: 900 MB for sixteen rows of a vocabulary of 49,152.
    """
    base.get_output_embeddings().register_forward_pre_hook(lambda _module, inputs: (inputs[0].contiguous(),))
    return base


def adapted_modules(base: Any, last_layers: int) -> dict[str, Any]:
    """Return the options of `LoraConfig` that choose the linear modules of the last layers.

    Raises:
        ValueError: the model has fewer layers.
    """
    total = base.config.num_hidden_layers
    count = last_layers or max(1, total // 2)
    if count > total:
        raise ValueError(f"last_layers is {count}, and the model has {total} layers; write at most {total}")
    modules = [name for name, module in base.named_modules() if isinstance(module, torch.nn.Linear)]
    linear = sorted({name.rpartition(".")[2] for name in modules if ".layers." in name})
    return {"target_modules": linear, "layers_to_transform": [*range(total - count, total)], "layers_pattern": "layers"}


def train_adapter(
    base: Any, examples: Sequence[Encoded], recipe: Recipe, pad: int, say: Callable[[str], None]
) -> tuple[Any, Trained]:
    """Return a PeftModel around `base` with one trained adapter. Its `unload()` returns the untouched base.

    The adapter computes in the base's type while AdamW keeps float32 copies: on a CPU that is a fifth faster than
    float32 adapters, and no small update is lost to rounding.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft calls what newer transformers releases renamed
        from peft import LoraConfig, get_peft_model

        torch.manual_seed(recipe.seed)
        config = LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=0.0,
            task_type="CAUSAL_LM",
            **adapted_modules(base, recipe.last_layers),
        )
        model = get_peft_model(base, config, autocast_adapter_dtype=False)
    model.train()
    rng = random.Random(recipe.seed)  # noqa: S311 (an order of examples, not a secret)
    parameters = [p for p in model.parameters() if p.requires_grad]
    masters = [p.detach().float().clone().requires_grad_() for p in parameters]
    optimizer = torch.optim.AdamW(masters, lr=recipe.learning_rate, weight_decay=0.0)
    steps = recipe.epochs * -(-len(examples) // recipe.batch_size)
    warm_up = max(1, min(10, steps // 4))

    start, step, tokens, answer_tokens = time.perf_counter(), 0, 0, 0
    losses: list[float] = []
    for epoch in range(1, recipe.epochs + 1):
        loss_sum, answers_seen = 0.0, 0
        for batch in batches(examples, recipe.batch_size, rng):
            answers = sum(len(e.answer) for e in batch)
            loss_sum += _step(model, batch, answers, recipe.micro_batch_tokens, pad, parameters, masters)
            rate = recipe.learning_rate * _schedule(step, steps, warm_up)
            torch.nn.utils.clip_grad_norm_(masters, 1.0)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad()
            with torch.no_grad():
                for parameter, master in zip(parameters, masters, strict=True):
                    parameter.copy_(master)
            step += 1
            answers_seen += answers
            answer_tokens += answers
            tokens += sum(e.length for e in batch)
            if step % 10 == 0:
                speed = tokens / (time.perf_counter() - start)
                mean = loss_sum / answers_seen
                say(f"epoch={epoch}/{recipe.epochs} step={step}/{steps} loss={mean:.4f} tokens_per_s={speed:.0f}")
        losses.append(round(loss_sum / answers_seen, 6))
        speed = tokens / (time.perf_counter() - start)
        say(f"epoch={epoch}/{recipe.epochs} done loss={losses[-1]:.4f} tokens_per_s={speed:.0f}")
    if not all(loss < float("inf") for loss in losses):  # also true for NaN
        raise FloatingPointError(f"the loss is not a number (epoch means {losses}); lower the learning rate")
    seconds = round(time.perf_counter() - start, 3)
    return model, Trained(
        seconds=seconds,
        tokens=tokens,
        answer_tokens=answer_tokens,
        examples=len(examples),
        epochs=recipe.epochs,
        steps=steps,
        losses=losses,
        seed=recipe.seed,
    )


def _schedule(step: int, steps: int, warm_up: int) -> float:
    """Return the share of the peak learning rate at `step` (from 0): linear up during `warm_up`, then down to FLOOR."""
    if step < warm_up:
        return (step + 1) / warm_up
    return max(FLOOR, 1 - (1 - FLOOR) * (step - warm_up) / max(1, steps - warm_up))


def _step(
    model: Any,
    batch: Sequence[Encoded],
    answers: int,
    limit: int,
    pad: int,
    parameters: Sequence[torch.Tensor],
    masters: Sequence[torch.Tensor],
) -> float:
    """Add the batch's mean gradient to `masters`; return its loss summed over the answer tokens."""
    total = 0.0
    for part in micro_batches(batch, limit):
        loss = _loss_sum(model, part, pad)
        torch.autograd.backward(loss / answers)
        total += float(loss.detach())
        for parameter, master in zip(parameters, masters, strict=True):
            gradient = parameter.grad
            if gradient is None:
                continue
            master.grad = gradient.float() if master.grad is None else master.grad.add_(gradient)
            parameter.grad = None
    return total


def _loss_sum(model: Any, part: Sequence[Encoded], pad: int) -> torch.Tensor:
    """Return the cross-entropy in float32 summed over answer tokens.

    Padding is on the left, so all answers end in the last column and the output layer (the largest product of a small
    model) is computed for the last `keep` columns alone.
    """
    width = max(e.length for e in part)
    keep = max(len(e.answer) for e in part) + 1
    rows, masks, labels = [], [], []
    for e in part:
        gap = width - e.length
        rows.append([pad] * gap + [*e.prompt, *e.answer])
        masks.append([0] * gap + [1] * e.length)
        labels.append([-100] * (keep - 1 - len(e.answer)) + list(e.answer))
    device = model.device
    mask = torch.tensor(masks, device=device)
    logits = model(
        input_ids=torch.tensor(rows, device=device),
        attention_mask=mask,
        position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
        use_cache=False,
        logits_to_keep=keep,
    ).logits
    target = torch.tensor(labels, device=device)
    return cross_entropy(logits[:, :-1].float().flatten(0, 1), target.flatten(), reduction="sum", ignore_index=-100)


def log(text: str) -> None:
    """Print one progress line; CloudWatch and the offline engine read standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()

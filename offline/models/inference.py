"""One base model and its LoRA adapters on transformers: answers for Bedrock's models and for vLLM's server."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from lambdas.fine_tuning.training.chat_tokens import encode_chat
from offline.models import text_model
from offline.models.sampling import sampler

BATCH = 16
SHARED_PREFIX = 32
"""A beginning that all prompts of a batch share is computed once if it has at least this many tokens."""


class PromptTooLongError(ValueError):
    """The prompt leaves no room for an answer within the model's context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One prompt (chat template applied) as token ids, what may follow and which adapter answers.

    `choose` takes the logits of the next token and returns the token; None takes the likeliest one.
    """

    prompt: tuple[int, ...]
    max_new_tokens: int
    adapter: str | None = None
    stop: tuple[str, ...] = ()
    choose: Callable[[torch.Tensor], int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """`stop_reason` is `end_turn`, `stop_sequence` or `max_tokens`. The end token is not counted as output."""

    text: str
    input_tokens: int
    output_tokens: int
    stop_reason: str


@dataclass(frozen=True, slots=True)
class Served:
    """A loaded model. `adapters` are the names that a request may ask for."""

    model: Any
    tokenizer: Any
    adapters: tuple[str, ...]


def to_request(served: Served, item: text_model.Request, adapter: str | None = None) -> Request:
    """Return a text model's request with the chat template applied, to be answered with `adapter` switched on.

    Raises:
        ValueError: the chat template refuses the messages.
    """
    return Request(
        prompt=tuple(encode_chat(served.tokenizer, item["messages"])),
        max_new_tokens=item["max_new_tokens"],
        adapter=adapter,
        stop=tuple(item.get("stop", ())),
        choose=sampler(item.get("temperature", 0.0), item.get("top_p", 1.0), item.get("seed", 0)),
    )


def load(base_model: str, *, tokenizer: str, adapters: dict[str, Path]) -> Served:
    """Load the model by hub id or folder, in bfloat16 where that is fast."""
    device, dtype = _device_and_dtype()
    model: Any = AutoModelForCausalLM.from_pretrained(base_model, dtype=dtype)
    model.to(device)
    # For an input that is not contiguous and a frozen weight PyTorch copies the weight once a row: 900 MB for a batch.
    model.get_output_embeddings().register_forward_pre_hook(lambda _module, inputs: (inputs[0].contiguous(),))
    if adapters:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft calls what newer transformers releases renamed
            model = _with_adapters(model, adapters)
    return Served(model.eval(), AutoTokenizer.from_pretrained(tokenizer), tuple(adapters))


def _with_adapters(model: Any, adapters: dict[str, Path]) -> Any:
    from peft import PeftModel

    names = iter(adapters.items())
    name, path = next(names)
    model = PeftModel.from_pretrained(model, str(path), adapter_name=name, autocast_adapter_dtype=False)
    for name, path in names:
        model.load_adapter(str(path), adapter_name=name, autocast_adapter_dtype=False)
    return model


def generate(served: Served, requests: Sequence[Request], batch_size: int = BATCH) -> list[Generated]:
    """Return answers in the order of `requests`; prompts of similar length are decoded together.

    Raises:
        PromptTooLongError: names the lengths.
    """
    encoded = [[*r.prompt] for r in requests]
    limit = getattr(served.model.config.get_text_config(), "max_position_embeddings", None) or 1 << 30
    for ids in encoded:
        if not 0 < len(ids) < limit:
            raise PromptTooLongError(f"the prompt has {len(ids)} tokens, the model takes 1 to {limit - 1}")
    order = sorted(range(len(requests)), key=lambda i: (requests[i].adapter or "", len(encoded[i])))
    results: dict[int, Generated] = {}
    start = 0
    while start < len(order):
        adapter = requests[order[start]].adapter
        chosen = [i for i in order[start : start + batch_size] if requests[i].adapter == adapter]
        start += len(chosen)
        room = [min(requests[i].max_new_tokens, limit - len(encoded[i])) for i in chosen]
        with torch.inference_mode(), _adapter(served, adapter):
            answers = _decode(served, [encoded[i] for i in chosen], room, [requests[i] for i in chosen])
        results.update(zip(chosen, answers, strict=True))
    return [results[i] for i in range(len(requests))]


def _adapter(served: Served, name: str | None) -> contextlib.AbstractContextManager[Any]:
    if not served.adapters:
        return contextlib.nullcontext()
    if name is None:
        off: contextlib.AbstractContextManager[Any] = served.model.disable_adapter()
        return off
    served.model.set_adapter(name, inference_mode=True)
    return contextlib.nullcontext()


def _decode(served: Served, prompts: list[list[int]], limits: list[int], requests: list[Request]) -> list[Generated]:
    model, tokenizer = served.model, served.tokenizer
    stops = [request.stop for request in requests]
    ends = _end_tokens(model, tokenizer)
    device, rows = model.device, len(prompts)
    prefix = _shared_prefix(prompts)
    cache = DynamicCache(config=model.config)
    if prefix:
        shared = torch.tensor([prompts[0][:prefix]], device=device)
        model(input_ids=shared, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache.batch_repeat_interleave(rows)
    width = max(map(len, prompts)) - prefix
    gaps = [width + prefix - len(p) for p in prompts]
    pad = next(iter(ends), 0)
    ids = torch.tensor([[pad] * gap + p[prefix:] for gap, p in zip(gaps, prompts, strict=True)], device=device)
    mask = torch.tensor([[1] * prefix + [0] * gap + [1] * (width - gap) for gap in gaps], device=device)

    written: list[list[int]] = [[] for _ in prompts]
    reasons: list[str | None] = [None] * rows
    active = list(range(rows))  # the row of the batch -> the index of its prompt
    while True:
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits
        chosen = logits[:, -1].argmax(-1)
        for k, row in enumerate(active):
            choose = requests[row].choose
            if choose is not None and reasons[row] is None:
                chosen[k] = choose(logits[k, -1])
        for row, token in zip(active, chosen.tolist(), strict=True):
            if reasons[row] is None:
                reasons[row] = _next(tokenizer, written[row], token, ends, limits[row], stops[row])
        if all(reasons):
            break
        going = [k for k, row in enumerate(active) if reasons[row] is None]
        if len(going) <= len(active) // 2:  # finished rows cost as much as others: drop them when that pays
            select = torch.tensor(going, device=device)
            cache.batch_select_indices(select)
            mask, chosen, active = mask[select], chosen[select], [active[k] for k in going]
        ids = chosen[:, None]
        mask = torch.cat([mask, mask.new_ones(len(active), 1)], dim=1)
    return [
        Generated(
            text=_cut(tokenizer.decode(tokens, skip_special_tokens=True), stop),
            input_tokens=len(prompt),
            output_tokens=len(tokens),
            stop_reason=reason or "",
        )
        for prompt, tokens, stop, reason in zip(prompts, written, stops, reasons, strict=True)
    ]


def _next(
    tokenizer: Any, written: list[int], token: int, ends: set[int], limit: int, stop: tuple[str, ...]
) -> str | None:
    """Take one more token; the reason to stop, or None."""
    if token in ends:
        return "end_turn"
    written.append(token)
    if stop:
        text = tokenizer.decode(written, skip_special_tokens=True)
        if any(s in text for s in stop):
            return "stop_sequence"
    return "max_tokens" if len(written) >= limit else None


def _cut(text: str, stop: tuple[str, ...]) -> str:
    ends = [text.index(s) for s in stop if s in text]
    return text[: min(ends)] if ends else text


def _shared_prefix(prompts: list[list[int]]) -> int:
    """Return the tokens with which all prompts begin, leaving at least one of each; 0 if sharing would not pay."""
    if len(prompts) < 2:
        return 0
    first, last = min(prompts), max(prompts)
    shared = min(map(len, prompts)) - 1
    for k in range(shared):
        if first[k] != last[k]:
            shared = k
            break
    return shared if shared >= SHARED_PREFIX else 0


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    configured = model.generation_config.eos_token_id
    many = configured if isinstance(configured, list) else [configured]
    return {int(t) for t in (tokenizer.eos_token_id, *many) if t is not None}


def _device_and_dtype() -> tuple[torch.device, torch.dtype]:
    """Return CUDA if there is one, and bfloat16 where the processor computes in it.

    Not by a measured speed: the same machine must give the same answers when it is busy.
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

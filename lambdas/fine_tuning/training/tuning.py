"""One adapter with trl's `SFTTrainer` and peft: the map from a `Recipe` to their settings, and what a CPU needs.

What is ours: examples come tokenised, with the labels of the answer alone; padding is on the left, so that a CPU
computes the output layer (the largest product of a small model) for the last columns only; checkpoints are sealed.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import PartialState
from datasets import Dataset
from peft import LoraConfig, PeftModel
from torch.nn.functional import cross_entropy
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

if TYPE_CHECKING or __package__:
    from .checkpoints import prune, seal, usable
    from .device import device_and_dtype
    from .examples import Encoded, split
    from .settings import Recipe
else:  # in the container the files lie side by side, in no package
    from checkpoints import prune, seal, usable
    from device import device_and_dtype
    from examples import Encoded, split
    from settings import Recipe

IGNORED = -100
PADDED_TOKENS = {"cpu": 512, "cuda": 16384}
"""In memory at a time. 512 keep the training of a 135M model near 1.5 GB on a CPU and cost no speed."""
SHOWN = {"loss": "loss", "eval_loss": "dev_loss"}
LOWER_SHARE = 0.1
"""Of the learning rate, for adapters of the lower half of the layers. At the full rate they keep a classification task
from being learnt at all; ADR 0014 has the figures."""
PACKED_TOKENS = 1024
"""Length of a packed row, unless an example is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What one training took and gave. `tokens` are those of all examples times epochs, without padding.

    `losses` are the means of the epochs, `dev_losses` those on the held-out examples; None is not a number. The weights
    are those of the epoch with the lowest of these, or of the last epoch if none is held out.
    """

    seconds: float
    tokens: int
    answer_tokens: int
    examples: int
    held_out: int
    epochs: int
    steps: int
    learning_rate: float
    losses: list[float | None]
    dev_losses: list[float | None]
    seed: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def score(self) -> float | None:
        """Return what is smallest for the best training; None if it diverged."""
        told = self.dev_losses or self.losses[-1:]
        return min((loss for loss in told if loss is not None), default=None)


@contextlib.contextmanager
def _old_names() -> Iterator[None]:
    """Let pass that peft, trl and this module use what newer transformers releases than the container's renamed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


class AnswerTrainer(SFTTrainer):
    """`SFTTrainer` that asks a CPU for the logits of the answers alone. On a GPU trl's fused output layer does so."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        labels = inputs["labels"]
        if labels.device.type != "cpu" or self.padding_free or return_outputs:
            loss: Any = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)  # type: ignore[no-untyped-call]
            return loss
        total = answer_loss(model, inputs)
        answers = labels[:, 1:].ne(IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        # Processes average their gradients, and `num_items_in_batch` counts the tokens of all.
        shares = 1 if num_items_in_batch is None else self.accelerator.num_processes
        return total * shares / answers

    def create_optimizer(self, *given: Any, **named: Any) -> Any:
        """Make the lower half of the layers learn slowly, as in discriminative fine-tuning."""
        model: Any = self.model
        lower = lower_half(model)
        if self.optimizer is None and lower and isinstance(model, PeftModel):
            known = {id(p) for p in lower}
            upper = [p for p in model.parameters() if p.requires_grad and id(p) not in known]
            rate = self.args.learning_rate
            groups: list[dict[str, Any]] = [{"params": upper}, {"params": lower, "lr": LOWER_SHARE * rate}]
            self.optimizer = torch.optim.AdamW(groups, lr=rate, weight_decay=self.args.weight_decay)
            return self.optimizer
        return super().create_optimizer(*given, **named)

    def create_model_card(self, *_args: Any, **_kwargs: Any) -> None:
        """Write none: a model card is nothing that a checkpoint or the endpoint needs."""


def lower_half(model: Any) -> list[torch.nn.Parameter]:
    """Return what is trained in the half of the layers that is nearer to the input."""
    half = model.config.get_text_config().num_hidden_layers // 2
    layers = ((re.search(r"\.layers\.(\d+)\.", name), p) for name, p in model.named_parameters() if p.requires_grad)
    return [p for layer, p in layers if layer is not None and int(layer[1]) < half]


def answer_loss(model: Any, inputs: dict[str, Any]) -> torch.Tensor:
    """Return the cross-entropy in float32 summed over the answers, which all end in the last column."""
    labels = inputs["labels"]
    first = int(labels.ne(IGNORED).any(0).int().argmax())
    keep = labels.shape[1] - first + 1
    given = {name: value for name, value in inputs.items() if name != "labels"}
    logits = model(**given, use_cache=False, logits_to_keep=keep).logits[:, :-1]
    target = labels[:, first:].flatten()
    return cross_entropy(logits.float().flatten(0, 1), target, reduction="sum", ignore_index=IGNORED)


def row(example: Encoded) -> dict[str, list[int]]:
    """Return the example as a row of the data set; only the answer has labels."""
    return {
        "input_ids": [*example.prompt, *example.answer],
        "labels": [IGNORED] * len(example.prompt) + list(example.answer),
    }


def left_padded(pad: int) -> Callable[[Sequence[dict[str, list[int]]]], dict[str, torch.Tensor]]:
    """Return a collator that pads on the left and numbers the positions of each row from its first token."""

    def collate(rows: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        width = max(len(r["input_ids"]) for r in rows)
        gaps = [width - len(r["input_ids"]) for r in rows]
        mask = torch.tensor([[0] * gap + [1] * (width - gap) for gap in gaps])
        return {
            "input_ids": torch.tensor([[pad] * gap + r["input_ids"] for gap, r in zip(gaps, rows, strict=True)]),
            "labels": torch.tensor([[IGNORED] * gap + r["labels"] for gap, r in zip(gaps, rows, strict=True)]),
            "attention_mask": mask,
            "position_ids": (mask.cumsum(-1) - 1).clamp(min=0),
        }

    return collate


def lora_config(base: Any, recipe: Recipe) -> LoraConfig:
    """Return the LoRA settings: the linear modules of the last layers.

    Raises:
        ValueError: the model has fewer layers.
    """
    total = base.config.num_hidden_layers
    count = recipe.last_layers or max(1, total // 2)
    if count > total:
        raise ValueError(f"last_layers is {count}, and the model has {total} layers; write at most {total}")
    modules = [name for name, module in base.named_modules() if isinstance(module, torch.nn.Linear)]
    return LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=0.0,
        use_dora=recipe.method == "dora",
        task_type="CAUSAL_LM",
        target_modules=sorted({name.rpartition(".")[2] for name in modules if ".layers." in name}),
        layers_to_transform=[*range(total - count, total)],
        layers_pattern="layers",
    )


@_old_names()
def sft_config(
    recipe: Recipe, rate: float, *, folder: Path, device: torch.device, bf16: bool, longest: int, count: int
) -> SFTConfig:
    """Return the settings of one training of `count` examples, of which the longest has `longest` tokens."""
    processes = PartialState().num_processes
    at_once = max(1, PADDED_TOKENS[device.type] // longest)
    if recipe.packing:
        at_once = max(1, PADDED_TOKENS[device.type] // max(PACKED_TOKENS, longest))
    wanted = max(1, recipe.batch_size // processes)
    at_once = max(size for size in range(1, wanted + 1) if wanted % size == 0 and size <= at_once)
    held_out = recipe.dev_share > 0
    steps = recipe.epochs * math.ceil(count / (wanted * processes))
    return SFTConfig(
        output_dir=str(folder),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=at_once,
        per_device_eval_batch_size=at_once,
        gradient_accumulation_steps=wanted // at_once,
        learning_rate=rate,
        lr_scheduler_type="cosine",
        warmup_steps=math.floor(recipe.warmup_ratio * steps),
        max_grad_norm=1.0,
        weight_decay=0.0,
        optim="adamw_torch",
        bf16=bf16,
        use_cpu=device.type == "cpu",
        gradient_checkpointing=recipe.gradient_checkpointing,
        packing=recipe.packing,
        max_length=max(PACKED_TOKENS, longest) if recipe.packing else None,
        dataset_kwargs=None if recipe.packing else {"skip_prepare_dataset": True},
        remove_unused_columns=recipe.packing,
        eval_strategy="epoch" if held_out else "no",
        save_strategy="epoch" if held_out else "no",
        save_total_limit=2,
        load_best_model_at_end=held_out,
        metric_for_best_model="eval_loss" if held_out else None,
        greater_is_better=False if held_out else None,
        restore_callback_states_from_checkpoint=True,
        logging_strategy="epoch",
        logging_nan_inf_filter=False,
        ddp_find_unused_parameters=False,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=device.type == "cuda",
        seed=recipe.seed,
    )


class Keeper(TrainerCallback):
    """Saves every `steps` steps, seals what was saved, and says how far training is."""

    def __init__(self, key: str, steps: int, say: Callable[[str], None]) -> None:
        self.key, self.steps, self.say = key, steps, say

    def on_train_begin(self, args: Any, state: Any, control: Any, **_kwargs: Any) -> None:  # noqa: ARG002
        if state.best_model_checkpoint:  # written on another machine, maybe below another folder
            state.best_model_checkpoint = str(Path(args.output_dir) / Path(state.best_model_checkpoint).name)

    def on_step_end(self, args: Any, state: Any, control: Any, **_kwargs: Any) -> Any:  # noqa: ARG002
        control.should_save |= self._due(state) and not float(state.epoch).is_integer()
        return control

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_kwargs: Any) -> Any:  # noqa: ARG002
        control.should_save |= self._due(state)  # after the epoch's loss is noted
        return control

    def _due(self, state: Any) -> bool:
        due: bool = state.global_step % self.steps == 0 and state.global_step < state.max_steps
        return due

    def on_save(self, args: Any, state: Any, control: Any, **_kwargs: Any) -> None:  # noqa: ARG002
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            seal(Path(args.output_dir) / f"checkpoint-{state.global_step}", self.key)

    def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        told = " ".join(f"{SHOWN[name]}={float(value):.4f}" for name, value in given["logs"].items() if name in SHOWN)
        if told and state.is_world_process_zero:
            self.say(
                f"epoch={state.epoch:g}/{args.num_train_epochs:g} step={state.global_step}/{state.max_steps} {told}"
            )


def train(
    base: Any,
    tokenizer: Any,
    examples: Sequence[Encoded],
    recipe: Recipe,
    rate: float,
    *,
    folder: Path,
    key: str,
    say: Callable[[str], None],
) -> tuple[Any, Trained]:
    """Train on `base` with the learning rate `rate`, from the newest whole checkpoint in `folder` of the same `key`.

    Returns the model, a PeftModel around `base` or, with method full, `base` itself.
    """
    chosen, held = split(examples, recipe.dev_share, recipe.seed)
    device, bf16 = base.device, device_and_dtype()[1] == torch.bfloat16
    folder.mkdir(parents=True, exist_ok=True)
    resumed = usable(folder, key)
    if PartialState().is_main_process:
        prune(folder, key, resumed)
    PartialState().wait_for_everyone()
    longest = max(e.length for e in examples)
    base.config.use_cache = False
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    callbacks: list[TrainerCallback] = [Keeper(key, recipe.checkpoint_steps, say)]
    if recipe.early_stopping_patience:
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=recipe.early_stopping_patience))
    with _old_names():
        trainer = AnswerTrainer(
            model=base,
            args=sft_config(recipe, rate, folder=folder, device=device, bf16=bf16, longest=longest, count=len(chosen)),
            train_dataset=Dataset.from_list([row(e) for e in chosen]),
            eval_dataset=Dataset.from_list([row(e) for e in held]) if held else None,
            processing_class=tokenizer,
            data_collator=None if recipe.packing else left_padded(tokenizer.pad_token_id),
            peft_config=None if recipe.method == "full" else lora_config(base, recipe),
            callbacks=callbacks,
        )
        trainer.remove_callback(PrinterCallback)
        if resumed:
            say(f"resumed from {resumed.name}")
        start = time.perf_counter()
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    seconds = round(time.perf_counter() - start, 3)
    epochs = round(trainer.state.epoch or 0)
    return trainer.model, Trained(
        seconds=seconds,
        tokens=epochs * sum(e.length for e in chosen),
        answer_tokens=epochs * sum(len(e.answer) for e in chosen),
        examples=len(chosen),
        held_out=len(held),
        epochs=epochs,
        steps=trainer.state.global_step,
        learning_rate=rate,
        losses=_logged(trainer, "loss"),
        dev_losses=_logged(trainer, "eval_loss"),
        seed=recipe.seed,
    )


def _logged(trainer: Any, name: str) -> list[float | None]:
    values = [float(line[name]) for line in trainer.state.log_history if name in line]
    return [round(value, 6) if math.isfinite(value) else None for value in values]


def save(model: Any, folder: Path) -> None:
    """Write the adapter, or with method full the whole model in the type that this machine computes in."""
    with _old_names():
        if isinstance(model, PeftModel):
            model.save_pretrained(str(folder), save_embedding_layers=False)
        else:
            model.config.use_cache = True
            model.to(device_and_dtype()[1]).save_pretrained(folder)

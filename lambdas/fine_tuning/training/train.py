"""Train the LoRA adapters of one run: the entry point of the training container, also on a laptop.

Reads the SageMaker toolkit's `SM_*` variables where they are set and the raw container contract (`/opt/ml`) where they
are not. Input: channel `train` with one `<adapter>.jsonl` an adapter. Output in the model folder:
`adapters/<adapter>/` (peft), `tokenizer/` and `training.json`.
A finished adapter is kept in the checkpoint folder, so that an interrupted job goes on with the next one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import random
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from .examples import encode, read_chats, without_invented_system_prompt
    from .lora import Recipe, device_and_dtype, log, train_adapter, with_fast_head
    from .safeguards import fetch, require_gpu
else:  # in the container the files lie side by side, in no package
    from examples import encode, read_chats, without_invented_system_prompt
    from lora import Recipe, device_and_dtype, log, train_adapter, with_fast_head
    from safeguards import fetch, require_gpu

MICRO_BATCH_TOKENS = {"cpu": 512, "cuda": 16384}
"""Padded tokens in memory at a time. 512 keep the training of a 135M model near 1.5 GB on a CPU and cost no speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The hyperparameters. SageMaker passes them as text.

    `base_revision` is a commit of the base's hub repository, `base_sha256` JSON of file -> SHA-256; without a commit
    the base is what the hub's main branch, or a folder, holds.
    """

    base_model: str = "HuggingFaceTB/SmolLM2-135M-Instruct"
    base_revision: str = ""
    base_sha256: str = "{}"
    adapters: str = "lora,lora+rag"
    seed: int = 20261123
    rank: int = 16
    alpha: int = 32
    last_layers: int = 0
    learning_rate: float = 2e-3
    batch_size: int = 8
    epochs_closed_book: int = 6
    epochs_rag: int = 1
    micro_batch_tokens: int = 0

    @staticmethod
    def parse(values: Mapping[str, Any]) -> Settings:
        """Raises ValueError naming the hyperparameter that is unknown or not a positive number."""
        known: dict[str, type] = {f.name: type(f.default) for f in dataclasses.fields(Settings)}
        chosen: dict[str, Any] = {}
        for name, value in values.items():
            if name.startswith("sagemaker_"):  # the SDK's own
                continue
            if name not in known:
                raise ValueError(f"hyperparameter {name!r} is unknown; known are {', '.join(known)}")
            try:
                chosen[name] = known[name](str(value).strip().strip('"'))
            except ValueError:
                kind = known[name].__name__
                raise ValueError(f"hyperparameter {name}: {value!r} is not a number of type {kind}") from None
        settings = Settings(**chosen)
        if settings.last_layers < 0:
            raise ValueError(f"hyperparameter last_layers: {settings.last_layers} is negative; 0 is half of them")
        for name in ("rank", "alpha", "learning_rate", "batch_size", "epochs_closed_book", "epochs_rag"):
            if getattr(settings, name) <= 0:
                raise ValueError(f"hyperparameter {name}: {getattr(settings, name)} is not positive")
        return settings

    def recipe(self, adapter: str, device: str) -> Recipe:
        return Recipe(
            rank=self.rank,
            alpha=self.alpha,
            last_layers=self.last_layers,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            epochs=self.epochs_rag if "rag" in adapter else self.epochs_closed_book,
            seed=self.seed + sum(adapter.encode()),  # each adapter draws its own numbers, whether or not others ran
            micro_batch_tokens=self.micro_batch_tokens or MICRO_BATCH_TOKENS[device],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where the container finds and leaves things."""

    train: Path
    model: Path
    output: Path
    checkpoints: Path
    settings: Mapping[str, Any]

    @staticmethod
    def find(environ: Mapping[str, str], root: Path = Path("/opt/ml")) -> Folders:
        given = environ.get("SM_HPS")
        raw = root / "input/config/hyperparameters.json"
        settings = json.loads(given) if given else json.loads(raw.read_text("utf-8")) if raw.is_file() else {}
        return Folders(
            train=Path(environ.get("SM_CHANNEL_TRAIN") or root / "input/data/train"),
            model=Path(environ.get("SM_MODEL_DIR") or root / "model"),
            output=Path(environ.get("SM_OUTPUT_DIR") or root / "output"),
            checkpoints=Path(environ.get("SM_CHECKPOINT_DIR") or root / "checkpoints"),
            settings=settings,
        )


def run(folders: Folders) -> None:
    """Train every adapter that no checkpoint holds yet and write the model folder."""
    settings = Settings.parse(folders.settings)
    names = [name.strip() for name in settings.adapters.split(",") if name.strip()]
    chats = {name: read_chats(folders.train / f"{name}.jsonl") for name in names}  # complain before the slow imports

    import torch

    transformers: Any = import_module("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    random.seed(settings.seed)
    torch.manual_seed(settings.seed)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    require_gpu(torch.cuda.is_available())
    version = {"revision": settings.base_revision} if settings.base_revision else {}
    if version:
        fetch(settings.base_model, settings.base_revision, json.loads(settings.base_sha256))
    device, dtype = device_and_dtype()
    # On a CPU the plain attention is faster than the fused one at these lengths, most of all backwards.
    attention = "eager" if device.type == "cpu" else "sdpa"
    tokenizer = without_invented_system_prompt(
        transformers.AutoTokenizer.from_pretrained(settings.base_model, **version)
    )
    base = transformers.AutoModelForCausalLM.from_pretrained(
        settings.base_model, dtype=dtype, attn_implementation=attention, **version
    )
    base = with_fast_head(base.to(device))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    identity = {
        "base_model": settings.base_model,
        "base_revision": settings.base_revision,
        "base_sha256": weights_sha256(base),
        "dtype": str(dtype).removeprefix("torch."),
        "device": device.type,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    log(" ".join(f"{k}={v}" for k, v in identity.items()))

    reports: dict[str, Any] = {}
    for name in names:
        recipe = settings.recipe(name, device.type)
        examples = [encode(tokenizer, messages) for messages in chats[name]]
        longest = max(e.length for e in examples)
        limit = getattr(base.config, "max_position_embeddings", None)
        if limit and longest > limit:
            raise ValueError(f"{name}.jsonl: an example has {longest} tokens, the model takes {limit}")
        key = fingerprint(identity["base_sha256"], dataclasses.astuple(recipe), examples)
        kept = folders.checkpoints / name
        report = finished(kept, key)
        if report is None:
            model, trained = train_adapter(
                base,
                examples,
                recipe,
                pad,
                lambda text, name=name: log(f"adapter={name} {text}"),  # type: ignore[misc]
            )
            report = {**trained.as_json(), "fingerprint": key, "resumed": False}
            keep(model, kept, report)
            base = model.unload()
            log(f"adapter={name} finished seconds={trained.seconds:.1f} loss={trained.losses[-1]:.4f}")
        else:
            report["resumed"] = True
            log(f"adapter={name} taken from a checkpoint")
        target = folders.model / "adapters" / name
        shutil.copytree(kept, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(REPORT, "README.md"))
        reports[name] = report

    tokenizer.save_pretrained(folders.model / "tokenizer")
    record = {"schema": 1, **identity, "settings": dataclasses.asdict(settings), "adapters": reports}
    (folders.model / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


REPORT = "report.json"
"""In a checkpoint: what `training.json` says of the adapter, plus file sizes. Written last."""


def keep(model: Any, folder: Path, report: Mapping[str, Any]) -> None:
    """Save the adapter as a checkpoint; a half-written one has no report and is never used."""
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, save_embedding_layers=False)
    sizes = {p.name: p.stat().st_size for p in folder.iterdir()}
    (folder / REPORT).write_text(json.dumps({**report, "files": sizes}), encoding="utf-8")


def finished(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the report of a complete checkpoint of the same base, data and recipe, else None."""
    try:
        report: dict[str, Any] = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        whole = all((folder / name).stat().st_size == size for name, size in report.pop("files").items())
    except (OSError, ValueError, KeyError):
        return None
    return report if whole and report["fingerprint"] == key else None


def fingerprint(base: str, recipe: tuple[Any, ...], examples: list[Any]) -> str:
    """Return a name for what an adapter was trained from; another fingerprint is another adapter."""
    parts = [base, repr(recipe), *(repr((e.prompt, e.answer)) for e in examples)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def weights_sha256(model: Any) -> str:
    """Return a SHA-256 over the base's parameters as loaded: equal for equal weights, wherever they came from."""
    import torch

    digest = hashlib.sha256()
    for name, parameter in sorted(model.named_parameters()):
        digest.update(name.encode())
        digest.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def main() -> None:
    folders = Folders.find(os.environ)
    try:
        run(folders)
    except Exception as error:
        folders.output.mkdir(parents=True, exist_ok=True)
        text = f"{type(error).__name__}: {error}"
        (folders.output / "failure").write_text(text[:1024], encoding="utf-8")  # DescribeTrainingJob's FailureReason
        sys.stderr.write(text + "\n")
        raise


if __name__ == "__main__":
    main()

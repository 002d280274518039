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
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from .checkpoints import FINISHED, MANIFEST, seal, sealed
    from .examples import Encoded, encode, read_chats, with_plain_template
    from .safeguards import fetch, require_gpu
    from .settings import Recipe, Settings
else:  # in the container the files lie side by side, in no package
    from checkpoints import FINISHED, MANIFEST, seal, sealed
    from examples import Encoded, encode, read_chats, with_plain_template
    from safeguards import fetch, require_gpu
    from settings import Recipe, Settings

HERE = Path(__file__).resolve().parent


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

    require_gpu(torch.cuda.is_available())
    if settings.base_revision:
        fetch(settings.base_model, settings.base_revision, json.loads(settings.base_sha256))
    devices = sibling("device")
    device, dtype = devices.device_and_dtype()
    devices.check_method(settings.method, device)
    transformers: Any = import_module("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    version = settings.base_revision or "main"
    tokenizer = transformers.AutoTokenizer.from_pretrained(settings.base_model, revision=version)
    tokenizer = with_plain_template(tokenizer, log)
    base = devices.load_base(settings.base_model, settings.method, version)
    identity = {
        "base_model": settings.base_model,
        "base_revision": settings.base_revision,
        "base_sha256": weights_sha256(base),
        "method": settings.method,
        "dtype": str(dtype).removeprefix("torch."),
        "device": device.type,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    log(" ".join(f"{k}={v}" for k, v in identity.items()))
    limit = getattr(base.config, "max_position_embeddings", None)
    del base  # each training changes what it begins with, so that each loads its own

    reports: dict[str, Any] = {}
    for name in names:
        recipe = settings.recipe(name)
        examples = [encode(tokenizer, messages) for messages in chats[name]]
        longest = max(e.length for e in examples)
        if limit and longest > limit:
            raise ValueError(f"{name}.jsonl: an example has {longest} tokens, the model takes {limit}")
        key = fingerprint(identity, recipe, examples)
        job = Job(name=name, key=key, recipe=recipe, examples=examples, tokenizer=tokenizer, settings=settings)
        kept, reports[name] = best(job, folders.checkpoints / name)
        if main_process():
            shutil.copytree(
                kept,
                folders.model / FOLDERS.get(settings.method, "adapters") / name,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns(MANIFEST, "README.md"),
            )
    if main_process():
        tokenizer.save_pretrained(folders.model / "tokenizer")
        record = {"schema": 2, **identity, "settings": dataclasses.asdict(settings), "adapters": reports}
        (folders.model / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


FOLDERS = {"full": "full"}
"""Method -> folder of the model that holds what was trained; peft adapters are below `adapters`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One adapter to train; `key` names all that decides its weights but the learning rate."""

    name: str
    key: str
    recipe: Recipe
    examples: list[Encoded]
    tokenizer: Any
    settings: Settings


def best(job: Job, root: Path) -> tuple[Path, dict[str, Any]]:
    """Train with each learning rate that no checkpoint holds yet; return the best one's folder and report.

    Raises:
        FloatingPointError: every training diverged.
    """
    reports: dict[Path, dict[str, Any]] = {}
    resumed = True
    for rate in job.recipe.learning_rates:
        kept = root / f"rate-{rate:g}" / FINISHED
        manifest = sealed(kept, f"{job.key} {rate:g}")
        if manifest is None:
            resumed = False
            report = _train(job, rate, kept)
        else:
            report = manifest["report"]
        reports[kept] = report
    sound = [kept for kept, report in reports.items() if report["score"] is not None]
    if not sound:
        rates = ", ".join(f"{rate:g}" for rate in job.recipe.learning_rates)
        raise FloatingPointError(f"{job.name}: the loss is not a number at learning rate {rates}; lower it")
    folder = min(sound, key=lambda kept: float(reports[kept]["score"]))
    chosen = reports[folder]
    if resumed:
        log(f"adapter={job.name} taken from a checkpoint")
    tried = {f"{report['learning_rate']:g}": report["score"] for report in reports.values()}
    if len(tried) > 1:
        log(f"adapter={job.name} learning_rate={chosen['learning_rate']:g} of {tried}")
    return folder, {**chosen, "fingerprint": job.key, "resumed": resumed, "tried": tried}


def _train(job: Job, rate: float, kept: Path) -> dict[str, Any]:
    """Train once and keep the result as a checkpoint."""
    tuning = sibling("tuning")
    key = f"{job.key} {rate:g}"
    model, trained = tuning.train(
        sibling("device").load_base(job.settings.base_model, job.settings.method, job.settings.base_revision),
        job.tokenizer,
        job.examples,
        job.recipe,
        rate,
        folder=kept.parent,
        key=key,
        say=lambda text: log(f"adapter={job.name} rate={rate:g} {text}"),
    )
    report = {**trained.as_json(), "score": trained.score}
    tuning.PartialState().wait_for_everyone()  # others may still read the best checkpoint
    if main_process():
        shutil.rmtree(kept, ignore_errors=True)
        tuning.save(model, kept)
        seal(kept, key, report)
        for checkpoint in kept.parent.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)
    tuning.PartialState().wait_for_everyone()
    speed = trained.tokens / trained.seconds
    log(f"adapter={job.name} rate={rate:g} finished seconds={trained.seconds:.1f} tokens_per_s={speed:.0f}")
    return report


def sibling(name: str) -> Any:
    """Return the module `name` beside this one; those that import PyTorch are imported once they are needed."""
    return import_module(f".{name}", __package__) if __package__ else import_module(name)


def main_process() -> bool:
    """Return whether this process writes the model: the only one, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def log(text: str) -> None:
    """Print one progress line; CloudWatch and the offline engine read standard output."""
    if main_process():
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def fingerprint(identity: Mapping[str, str], recipe: Recipe, examples: list[Encoded]) -> str:
    """Return a name for what an adapter was trained from; another fingerprint is another adapter."""
    base = " ".join(identity[name] for name in ("base_sha256", "dtype", "device"))
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


def several_processes(gpus: int, environ: Mapping[str, str]) -> list[str] | None:
    """Return the command that trains on several GPUs, one process each; None on one, or in one of the processes."""
    if gpus < 2 or "LOCAL_RANK" in environ:
        return None
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={gpus}"]
    return [*launcher, str(HERE / "train.py")]


def main() -> None:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    folders = Folders.find(os.environ)
    try:
        import torch

        command = several_processes(torch.cuda.device_count(), os.environ)
        if command is not None:
            log(f"starting {' '.join(command[1:])}")
            os.execv(command[0], command)  # noqa: S606 (our own script)
        run(folders)
    except Exception as error:
        folders.output.mkdir(parents=True, exist_ok=True)
        text = f"{type(error).__name__}: {error}"
        failure = folders.output / "failure"  # what DescribeTrainingJob gives as FailureReason
        if not failure.exists():  # of several processes the first to fail tells why
            failure.write_text(text[:1024], encoding="utf-8")
        sys.stderr.write(text + "\n")
        raise


if __name__ == "__main__":
    main()

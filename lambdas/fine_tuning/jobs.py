"""Names, places, hyperparameters and tags of a training job; finds the model that an earlier attempt has trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts import json_codec, keys, tags
from contracts.experiment import Experiment, Training
from contracts.run import Manifest
from cost_reports.estimate.base_models import weights_of
from lambdas.common import prompts
from lambdas.common.settings import TagSettings
from lambdas.common.store import Results
from lambdas.fine_tuning import server

HERE = Path(__file__).parent
#: The folder beside this module that the training container gets.
CODE_FOLDER = "training"
MODEL_FILE = "output/model.tar.gz"
INPUTS_FILE = "inputs.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training job. Training job names can never be used again, so they carry the execution that made them."""

    name: str
    model_prefix: str

    @property
    def model_key(self) -> str:
        return f"{self.model_prefix}{self.name}/{MODEL_FILE}"

    @property
    def inputs_key(self) -> str:
        """Written beside the model before training: the fingerprint of what it is trained from."""
        return f"{self.model_prefix}{self.name}/{INPUTS_FILE}"


def hyperparameters(manifest: Manifest, experiment: Experiment, base_model: str, revision: str) -> dict[str, str]:
    """Return the hyperparameters of `train.py`; SageMaker passes text only."""
    training = experiment.training
    values: dict[str, object] = {
        "base_model": base_model,
        "base_revision": revision,
        "base_sha256": json.dumps(dict(weights_of(base_model, revision)), separators=(",", ":")),
        "seed": manifest.seed,
        "method": training.method,
        "rank": training.rank,
        "alpha": training.alpha,
        "last_layers": training.last_layers or 0,
        "learning_rate": training.learning_rate or 0,
        "learning_rates": ",".join(f"{rate:g}" for rate in training.learning_rates),
        "warmup_ratio": training.warmup_ratio,
        "batch_size": training.batch_size,
        "epochs_closed_book": manifest.epochs_closed_book,
        "epochs_rag": manifest.epochs_rag,
        "packing": str(training.packing).lower(),
        "gradient_checkpointing": str(training.gradient_checkpointing).lower(),
        "dev_share": training.dev_share or 0,
        "early_stopping_patience": training.early_stopping_patience or 0,
        "checkpoint_steps": training.checkpoint_steps,
        "adapters": ",".join(server.ADAPTERS),
    }
    return {name: str(value) for name, value in values.items()}


def capacity(training: Training) -> dict[str, Any]:
    """Return the time limit of the job, and whether it runs on spot capacity.

    A spot job may wait as long for capacity as it may train, and is started again where it was interrupted.
    """
    limit = training.time_limit_hours * 3600
    stopping = {"MaxRuntimeInSeconds": limit}
    if training.spot:
        stopping["MaxWaitTimeInSeconds"] = 2 * limit
    return {"spot": training.spot, "stopping": stopping}


def code_files(root: Path | None = None) -> dict[str, bytes]:
    """Return key below the code prefix -> content, of every file of `training/`.

    Raises:
        FileNotFoundError: the function's package lacks the entry point.
    """
    folder = (root or HERE) / CODE_FOLDER
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "__init__.py" and "__pycache__" not in path.parts
    }
    if "train.py" not in files:
        raise FileNotFoundError(f"{folder / 'train.py'} is not in the function's package; deploy it again")
    return files


def fingerprint(manifest: Manifest, experiment: Experiment, hyper: Mapping[str, str], code: Mapping[str, bytes]) -> str:
    """Return a SHA-256 of all that decides what is trained: examples, prompts, retrieval, hyperparameters, code."""
    digest = hashlib.sha256()
    facts = {
        "input": manifest.input_sha256,
        "closed_book_ids": manifest.closed_book_ids,
        "rag_ids": manifest.rag_ids,
        "prompt_version": prompts.PROMPT_VERSION,
        "retrieval": json_codec.to_jsonable(experiment.retrieval),
        "hyperparameters": dict(sorted(hyper.items())),
    }
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for name, content in sorted(code.items()):
        digest.update(f"\n{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def find_trained(results: Results, manifest: Manifest, wanted: str) -> Job | None:
    """A finished job of this run whose model was trained from the same inputs."""
    prefix = keys.model_prefix(manifest.experiment, manifest.run)
    present = set(results.list_keys(prefix))
    for key in sorted(present):
        if not key.endswith(f"/{MODEL_FILE}"):
            continue
        job = Job(name=key[len(prefix) : -len(MODEL_FILE) - 1], model_prefix=prefix)
        if job.inputs_key in present and json.loads(results.read_text(job.inputs_key)).get("fingerprint") == wanted:
            return job
    return None


def cost_tags(manifest: Manifest, settings: TagSettings) -> list[dict[str, str]]:
    """Return the cost-allocation tags of everything that the state machine makes at run time."""
    values = tags.values(
        project=settings.project, experiment=manifest.experiment, approach="fine-tuning", owner=settings.owner
    )
    return [{"Key": key, "Value": value} for key, value in values.items()]


def payload(results: Results, manifest: Manifest, job: Job, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the places and names that the state machine hands to SageMaker.

    All jobs of a run share one checkpoint folder: a later job goes on where an interrupted one has stopped.
    """
    data = keys.training_data_prefix(manifest.experiment, manifest.run)
    code = keys.training_code_prefix(manifest.experiment, manifest.run)
    checkpoints = keys.checkpoint_prefix(manifest.experiment, manifest.run)
    return {
        "training_job_name": job.name,
        "model_data_url": results.uri(job.model_key),
        "training_data_url": results.uri(data),
        "code_url": results.uri(code),
        "output_url": results.uri(job.model_prefix),
        "checkpoint_url": results.uri(checkpoints),
        "names": dict(names),
    }

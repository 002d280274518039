"""How the endpoint's server is started: vLLM in AWS's container for SageMaker, the base and its adapters side by side.

The container turns each `SM_VLLM_<ARGUMENT>` into `--<argument> value`: `true` into a bare flag, a JSON list into one
value each (aws/deep-learning-containers, `scripts/docker/vllm/sagemaker_args.py`). The base comes from the hub at its
commit; adapters and tokenizer lie in the model archive, which SageMaker unpacks into `/opt/ml/model`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from contracts.experiment import Document, Experiment, Question
from cost_reports.estimate import gpu
from lambdas.common import prompts

MODEL_DIR = "/opt/ml/model"
ADAPTERS = ("lora", "lora+rag")
#: The methods whose adapters vLLM serves: it has no DoRA, and one server holds one set of full weights.
METHODS = ("lora", "qlora")
#: The ranks that vLLM reserves memory for; an adapter of another rank takes the next larger one.
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
#: What a chat template writes around the turns.
TEMPLATE_TOKENS = 64
CONTEXT_STEP = 256


class ServerError(ValueError):
    """The server cannot be started with these settings; the message says what to change."""


def environment(
    experiment: Experiment,
    *,
    base: str,
    revision: str,
    instance: str,
    in_flight: int,
    questions: Sequence[Question],
    documents: Iterable[Document],
) -> dict[str, str]:
    """Return the variables of the container. `in_flight`: the requests that it answers at the same time.

    Raises:
        ServerError: vLLM does not serve what the method trains, the rank is above all that it serves, or the weights
            leave no memory for a prompt.
    """
    if experiment.training.method not in METHODS:
        raise ServerError(
            f"training.method {experiment.training.method}: the server takes LoRA adapters beside the base; "
            f"use {' or '.join(METHODS)}"
        )
    machine = gpu.INSTANCES.get(instance)
    variables = {
        "MODEL": base,
        "REVISION": revision,
        "SERVED_MODEL_NAME": base,
        # The template that the adapters were trained with, which may differ from the hub's.
        "TOKENIZER": f"{MODEL_DIR}/tokenizer",
        "DEFAULT_CHAT_TEMPLATE_KWARGS": json.dumps({"enable_thinking": False}),
        # The hub's own sampling settings would change greedy answers (a repetition penalty does).
        "GENERATION_CONFIG": "vllm",
        "DTYPE": "bfloat16" if machine is None or machine.gpu.bfloat16 else "float16",
        "ENABLE_LORA": "true",
        # name=path needs no quotes, which would have to survive a shell and a process supervisor.
        "LORA_MODULES": json.dumps([f"{name}={MODEL_DIR}/adapters/{name}" for name in ADAPTERS]),
        "MAX_LORAS": str(len(ADAPTERS)),
        "MAX_LORA_RANK": str(_rank(experiment.training.rank)),
        "MAX_MODEL_LEN": str(_context(experiment, base, machine, questions, documents)),
        "MAX_NUM_SEQS": str(in_flight),
        "ENABLE_PER_REQUEST_METRICS": "true",
    }
    if machine is not None and machine.count > 1:
        variables["TENSOR_PARALLEL_SIZE"] = str(machine.count)
    return {f"SM_VLLM_{name}": value for name, value in variables.items()}


def _rank(rank: int) -> int:
    for served in RANKS:
        if rank <= served:
            return served
    raise ServerError(f"training.rank {rank} is above {RANKS[-1]}, the most that the server takes; make it smaller")


def _context(
    experiment: Experiment,
    base: str,
    machine: gpu.Instance | None,
    questions: Sequence[Question],
    documents: Iterable[Document],
) -> int:
    """Return the tokens of the longest prompt with its answer, as far as model and memory have room for them.

    A token stands for a byte at least. Room that no prompt needs costs nothing: the server's cache takes what is free.
    """
    wanted = experiment.retrieval
    chunks = sorted((d.text[: wanted.chunk_characters] for d in documents), key=len, reverse=True)
    longest = max((q.question for q in questions), key=len, default="")
    pages = [Document(id="-" * 32, title="-" * 80, text=text) for text in chunks[: wanted.pages_fine_tuned]]
    prompt = prompts.render("lora+rag", longest, experiment, pages=pages)
    written = sum(len(message.content.encode()) for message in prompt.messages)
    needed = written + TEMPLATE_TOKENS + prompt.max_output_tokens
    limits = [-(-needed // CONTEXT_STEP) * CONTEXT_STEP]
    if base in gpu.SHAPES:
        limits.append(gpu.SHAPES[base].context)
        if machine is not None:
            limits.append(gpu.context_that_fits(gpu.SHAPES[base], machine))
    if min(limits) < CONTEXT_STEP:
        raise ServerError(f"the weights of {base} leave no memory for prompts; choose a larger models.hosting_instance")
    return min(limits)

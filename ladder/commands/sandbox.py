"""`ladder demo` and `ladder sandbox`: the embedded AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ladder.commands import options
from ladder.errors import LadderError

if TYPE_CHECKING:
    from offline.models.own.choice import OwnModel
    from offline.sandbox import Sandbox

app = typer.Typer(
    help="An embedded AWS on this machine: deploy, run and destroy without an account.", no_args_is_help=True
)

SandboxFolder = Annotated[Path, typer.Option("--dir", help="Where the embedded AWS keeps its state and logs.")]
DEFAULT_SANDBOX = Path(".ladder/sandbox")
OwnFolder = Annotated[
    Path | None,
    typer.Option(
        "--model",
        help="Folder of a model of your own that answers and is fine-tuned in place of the packaged one: a causal"
        " language model from the Hugging Face hub, with safetensors and a chat template.",
    ),
]
OwnUrl = Annotated[
    str | None,
    typer.Option(
        help="Address of an OpenAI-compatible server (Ollama, vLLM, llama.cpp) that answers in place of the packaged"
        " model, such as http://127.0.0.1:11434/v1. Fine-tuning stays with the packaged model.",
    ),
]
OwnName = Annotated[str | None, typer.Option(help="Which of the server's models answers.")]
AllowRemote = Annotated[
    bool,
    typer.Option(
        "--allow-remote-model", help="Let --model-url be another machine: questions and pages are sent to it."
    ),
]


def demo(
    experiments: Annotated[
        list[Path] | None,
        typer.Option(
            "--experiment",
            "-e",
            help="Folder of an experiment; given several times, one embedded AWS runs them in turn.",
        ),
    ] = None,
    out: options.OutFolder = Path("out/demo"),
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer questions and training examples; every stage is still real.")
    ] = False,
    model: OwnFolder = None,
    model_url: OwnUrl = None,
    model_name: OwnName = None,
    allow_remote_model: AllowRemote = False,
    verbose: options.Verbose = False,
) -> None:
    """Do the whole job on the embedded AWS: deploy, run every approach, report, destroy, prove that nothing is left."""
    from rich.console import Console

    from ladder.demo import run

    own = _own_model(model, model_url, model_name, allow_remote_model)
    run(
        experiments=experiments or [options.EXPERIMENT],
        out=out,
        profile="quick" if quick else "full",
        console=Console(),
        verbose=verbose,
        model=own,
    )


@app.command()
def up(
    directory: SandboxFolder = DEFAULT_SANDBOX,
    port: Annotated[int | None, typer.Option(help="Port of the gateway on 127.0.0.1; default: a free one.")] = None,
    model: OwnFolder = None,
    model_url: OwnUrl = None,
    model_name: OwnName = None,
    allow_remote_model: AllowRemote = False,
) -> None:
    """Start an embedded AWS and leave it running.

    The packaged model is SmolLM2-135M-Instruct. A server that asks for a key finds it in the variable LADDER_MODEL_KEY.
    """
    from ladder.demo import EMBEDDED_CONTEXT
    from offline import sandbox

    box = sandbox.up(directory, port, model=_own_model(model, model_url, model_name, allow_remote_model))
    typer.echo(f"embedded AWS is up: {box.endpoint} (account {box.account}, {box.region}; logs in {directory}/logs)")
    option = "" if directory == DEFAULT_SANDBOX else f" --dir {directory}"
    typer.echo(f'use it in this shell:   eval "$(ladder sandbox env{option})"')
    typer.echo(f"deploy onto it:         make deploy CDK_CONTEXT='{' '.join(EMBEDDED_CONTEXT)}'")


@app.command()
def status(directory: SandboxFolder = DEFAULT_SANDBOX) -> None:
    """Say whether the embedded AWS runs. Exit code 1 if it does not."""
    box = _running(directory)
    typer.echo(f"embedded AWS is up: {box.endpoint} (account {box.account}, {box.region}, process {box.pid})")


@app.command()
def env(directory: SandboxFolder = DEFAULT_SANDBOX) -> None:
    """Print the shell lines that point the AWS tools at the embedded AWS."""
    for name, value in _running(directory).environment().items():
        typer.echo(f"export {name}={json.dumps(value)}")


@app.command()
def bill(
    hours: Annotated[int, typer.Option("--later", min=1, max=24 * 400, help="Hours to put the bill forward.")] = 72,
    directory: SandboxFolder = DEFAULT_SANDBOX,
) -> None:
    """Put the clock of the simulated bill forward: usage is billed a day later, and changed for another day."""
    from ladder.embedded_aws import advance_bill

    time = advance_bill(_running(directory).endpoint, hours)
    typer.echo(f"the bill is now that of {time}; see it with `ladder report`")


@app.command()
def down(directory: SandboxFolder = DEFAULT_SANDBOX) -> None:
    """Stop the embedded AWS and everything it started."""
    from offline import sandbox

    sandbox.down(directory)
    typer.echo("embedded AWS is down")


def _own_model(folder: Path | None, url: str | None, name: str | None, allow_remote: bool) -> OwnModel | None:
    """Return the model that the options name, looked at before anything starts."""
    from offline import sandbox
    from offline.models.own.choice import OwnModelError, choose

    try:
        own = choose(folder=folder, url=url, name=name, allow_remote=allow_remote)
    except OwnModelError as error:
        raise LadderError(str(error)) from error
    if own is not None:
        sandbox.check_model(own)
    return own


def _running(directory: Path) -> Sandbox:
    from offline import sandbox

    box = sandbox.status(directory)
    if box is None:
        raise LadderError(f"no embedded AWS runs in {directory}; start one with `ladder sandbox up`")
    return box

"""The `ladder` command. Every command is a thin wrapper: what it does can also be done with the AWS and CDK tools.

Commands import what they need when they are called: `ladder --help` answers at once.
"""

from __future__ import annotations

import io
import sys
from typing import NoReturn

import typer
from typer.exceptions import Abort, TyperException

from ladder.commands import check, exports, guard, init, leftovers, money, prices, runs, sandbox, tags
from ladder.errors import LadderError

app = typer.Typer(
    help="Is prompting enough for this task, is RAG worth its cost, or does fine-tuning pay? Measured, in dollars.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
for command in (
    init.init,
    check.check,
    money.estimate,
    money.decide,
    money.idle,
    runs.run,
    runs.report,
    leftovers.leftovers,
    guard.extend,
    sandbox.demo,
):
    app.command()(command)
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(prices.app, name="prices")
app.add_typer(tags.app, name="tags")
app.add_typer(exports.app, name="export")


DEBUG = "--debug"


def main() -> None:
    """Run the command line: errors become one line on stderr and exit code 1, wrong options exit code 2.

    `--debug`, anywhere on the line, shows where an error comes from.
    """
    debug = DEBUG in sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What a terminal cannot show must not end the command.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app([word for word in sys.argv[1:] if word != DEBUG], standalone_mode=False)
    except TyperException as error:
        _fail(_usage(error), error.exit_code)
    except (KeyboardInterrupt, Abort):
        _fail("interrupted")
    except LadderError as error:
        if debug:
            raise
        _fail(str(error), error.code)
    except Exception as error:
        if debug:
            raise
        _fail(_explain(error))
    else:
        raise SystemExit(code or 0)


def _usage(error: TyperException) -> str:
    """Return what is wrong with the options, in one line. Without any option the message is the help: print that."""
    message = error.format_message()
    if "\n" in message:
        sys.stdout.write(f"{message}\n")
        raise SystemExit(error.exit_code)
    return f"{message.rstrip('.')}; see --help"


def _explain(error: Exception) -> str:
    """Return the line for an error of AWS, of the embedded AWS, of the machine or of this program."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    from offline.sandbox import SandboxError

    if isinstance(error, SandboxError):
        return str(error)
    if isinstance(error, ClientError):
        return f"AWS refused {error.operation_name}: {error.response['Error'].get('Message', error)}"
    if isinstance(error, BotoCoreError | Boto3Error):
        return f"AWS cannot be reached: {error}"
    if isinstance(error, OSError):
        return f"{error.filename or 'this machine'}: {error.strerror or error}"
    kind = type(error).__name__
    return f"unexpected {kind}: {' '.join(str(error).split())[:300]}; this is a defect, {DEBUG} shows where"


def _fail(text: str, code: int = 1) -> NoReturn:
    from cost_reports.text import printable

    sys.stderr.write(f"error: {printable(text)}\n")
    raise SystemExit(code)


if __name__ == "__main__":
    main()

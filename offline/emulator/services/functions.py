"""Lambda workers: what they can import, how their errors look, and that they never outlive the emulator.

ministack runs a function in a Python process of this environment. Three things are made as in Lambda: only boto3 and
its dependencies are there beside the function's code and layers; an error carries the exception's class name, because
Step Functions matches it in Retry and Catch; memory is text in the context. A worker ends with its parent.
"""

from __future__ import annotations

import copy
import sysconfig
import threading
from functools import partial
from pathlib import Path
from typing import Any

from offline.emulator.seams import Properties, ministack
from offline.emulator.services.faults import FAULTS
from offline.emulator.templates import registry

#: What AWS's Python runtime has beside the standard library.
RUNTIME_PACKAGES = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3")

_PREAMBLE = """
import os as _os, sys as _sys, threading as _threading, time as _time
_sys.path[:] = [_p for _p in _sys.path if not _p.endswith(("site-packages", "dist-packages"))] + [{runtime!r}]
def _end_with_parent(_parent=_os.getppid()):
    while _os.getppid() == _parent:
        _time.sleep(0.5)
    _os._exit(0)
_threading.Thread(target=_end_with_parent, daemon=True).start()
"""

#: Replacements in ministack's worker script; each text must occur exactly once.
_EDITS = (
    (
        '"error": str(e), "trace": traceback.format_exc()',
        '"error": str(e), "error_type": type(e).__name__, "trace": traceback.format_exc()',
    ),
    ('"memory_limit_in_mb": init.get("memory", 128)', '"memory_limit_in_mb": str(init.get("memory", 128))'),
)


def worker_script(original: str, runtime: Path) -> str:
    """Return ministack's worker with this module's changes; raise `ValueError` when it is another script than known."""
    script = original
    for old, new in _EDITS:
        if script.count(old) != 1:
            raise ValueError(f"ministack's worker script changed: {old!r} occurs {script.count(old)} times, not once")
        script = script.replace(old, new)
    return _PREAMBLE.format(runtime=str(runtime)) + script


def lay_out_runtime(directory: Path) -> Path:
    """Make a folder with links to the packages that the Lambda runtime has, and nothing else."""
    runtime = directory / "lambda-runtime"
    runtime.mkdir(parents=True, exist_ok=True)
    packages = Path(sysconfig.get_paths()["purelib"])
    for name in RUNTIME_PACKAGES:
        link = runtime / name
        if not link.exists():
            link.symlink_to(packages / name)
    return runtime


def _keep_error_types() -> None:
    """Give a failed invocation the class of its exception and its stack trace, as the Lambda service does."""
    runtime, service = ministack("core.lambda_runtime"), ministack("services.lambda_svc")
    invoke, execute = runtime.Worker.invoke, service._execute_function_warm
    # A worker answers in the thread that asked it; the two functions have no other way to each other.
    last = threading.local()

    def invoked(self: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        result: dict[str, Any] = invoke(self, *arguments, **options)
        last.result = result
        return result

    def executed(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        last.result = {}
        answer: dict[str, Any] = execute(function, event, request_id)
        if answer.get("error") and "error_type" in last.result:
            trace = str(last.result.get("trace", "")).splitlines()
            answer["body"] = {
                "errorMessage": last.result.get("error", ""),
                "errorType": last.result["error_type"],
                "requestId": request_id,
                "stackTrace": trace,
            }
        return answer

    runtime.Worker.invoke = invoked
    service._execute_function_warm = executed


def plain_endpoints(properties: Properties, *, opensearch_port: int) -> Properties:
    """Return the function's properties without the `https://` of the local OpenSearch address in its variables.

    A domain's endpoint attribute is a host name. Templates add `https://` to it; the local server speaks plain HTTP.
    """
    changed = copy.deepcopy(properties)
    variables = (changed.get("Environment") or {}).get("Variables") or {}
    for name, value in variables.items():
        for host in ("127.0.0.1", "localhost"):
            address = f"{host}:{opensearch_port}"
            if isinstance(value, str) and f"https://{address}" in value:
                variables[name] = value.replace(f"https://{address}", f"http://{address}")
    return changed


def _fail_on_demand() -> None:
    """Let faults for Lambda reach Step Functions: it calls functions without a request."""
    states = ministack("services.stepfunctions")
    call = states._call_lambda

    def called(function: str, event: Any) -> Any:
        fault = FAULTS.take("lambda", "Invoke", f"Invoke {function}")
        if fault is not None:
            raise states._ExecutionError(f"Lambda.{fault.code}", fault.message)
        return call(function, event)

    states._call_lambda = called


def install(directory: Path, opensearch_port: int) -> None:
    runtime = ministack("core.lambda_runtime")
    runtime._PYTHON_WORKER_SCRIPT = worker_script(runtime._PYTHON_WORKER_SCRIPT, lay_out_runtime(directory))
    _keep_error_types()
    registry.adapt("AWS::Lambda::Function", partial(plain_endpoints, opensearch_port=opensearch_port))
    _fail_on_demand()

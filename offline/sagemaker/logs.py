"""What training jobs print, in CloudWatch Logs: where SageMaker puts it, and where anyone who follows a job looks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

GROUP = "/aws/sagemaker/TrainingJobs"
#: CloudWatch Logs takes 10,000 events a request; a line may have 256 KiB.
EVENTS, LINE = 1000, 10_000


class JobLog:
    """The log stream of one training job; `sync` appends what its file has got since."""

    def __init__(self, client: Any, job: str, file: Path) -> None:
        self._client = client
        self._file = file
        self._stream = {"logGroupName": GROUP, "logStreamName": f"{job}/algo-1-{int(time.time())}"}
        self._read = 0
        self._made = False

    def sync(self) -> None:
        """Append the whole lines that are new."""
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        lines = [line for line in whole.decode("utf-8", "replace").splitlines() if line.strip()]
        if lines and not self._made:
            self._make()
        for first in range(0, len(lines), EVENTS):
            now = int(time.time() * 1000)
            events = [{"timestamp": now, "message": line[:LINE]} for line in lines[first : first + EVENTS]]
            self._client.put_log_events(**self._stream, logEvents=events)

    def _make(self) -> None:
        for create, arguments in (
            (self._client.create_log_group, {"logGroupName": GROUP}),
            (self._client.create_log_stream, self._stream),
        ):
            try:
                create(**arguments)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                    raise
        self._made = True

"""Files of the search for leftovers: what was there before the first deployment, and the proof after the last.

A receipt grows by one pass with each search. One pass alone proves little: a service may still write a log group, and
the tagging API is minutes late. Two clean ones in a row, some minutes apart, are the proof.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from contracts.times import parse_time, stamp
from ladder.errors import LadderError
from ladder.files import read_json, write_text
from ladder.leftovers.audit import Key, key_of
from ladder.leftovers.billed import SpendEnd
from ladder.leftovers.records import Audit

SCHEMA = 1
PASSES = 2
APART = timedelta(minutes=10)


def write_baseline(audit: Audit, path: Path, now: datetime) -> int:
    """Write what looks like the experiment's before it was ever deployed; return how many things that is.

    Raises:
        LadderError: the account tells that the experiment was deployed.
    """
    if audit.stacks:
        raise LadderError(
            f"{path} does not exist, and experiment {audit.experiment} is deployed in account {audit.account}; a "
            "baseline is taken before the first deployment"
        )
    found = [*audit.leftovers, *audit.perhaps]
    record = {
        "schema": SCHEMA,
        "experiment": audit.experiment,
        "account": audit.account,
        "at": stamp(now),
        "things": [list(key_of(item)) for item in found],
    }
    _write(path, record)
    return len(found)


def read_baseline(path: Path, experiment: str, account: str) -> frozenset[Key]:
    """Return what a baseline says was there before.

    Raises:
        LadderError: the file was not written as one, or for another experiment or account.
    """
    record = _read(path)
    _require_same(path, record, experiment, account)
    try:
        return frozenset((str(kind), str(region), str(name)) for kind, region, name in record["things"])
    except (KeyError, TypeError, ValueError) as error:
        raise LadderError(f"{path}: is not a baseline of `ladder leftovers` ({error!r}); take another one") from error


def add_pass(audit: Audit, path: Path, now: datetime, spend: SpendEnd | None) -> dict[str, Any]:
    """Add a pass to the receipt, or make one; return it as written."""
    record: dict[str, Any] = {"passes": []}
    if path.exists():
        record = _read(path)
        _require_same(path, record, audit.experiment, audit.account)
    passes = [*record.get("passes", []), _pass(audit, now)]
    clean = _clean_passes(passes)
    record = {
        "schema": SCHEMA,
        "experiment": audit.experiment,
        "account": audit.account,
        "embedded": audit.embedded,
        "clean_passes": clean,
        "proven": clean >= PASSES,
        "zero_spend_day": spend.zero_day if spend else record.get("zero_spend_day"),
        "last_charged_day": spend.last_day if spend else record.get("last_charged_day"),
        "passes": passes,
    }
    _write(path, record)
    return record


def _pass(audit: Audit, now: datetime) -> dict[str, Any]:
    members = ("regions", "leftovers", "perhaps", "stays", "not_seen")
    return {
        "at": stamp(now),
        "clean": audit.clean,
        "kinds": list(audit.kinds),
        **{name: [dataclasses.asdict(item) for item in getattr(audit, name)] for name in members},
    }


def _clean_passes(passes: list[dict[str, Any]]) -> int:
    """Return how many passes at the end are clean, counting only those that are far enough apart."""
    count = 0
    next_at: datetime | None = None
    for entry in reversed(passes):
        if not entry["clean"]:
            break
        at = parse_time(entry["at"])
        if next_at is None or next_at - at >= APART:
            count, next_at = count + 1, at
    return count


def _require_same(path: Path, record: dict[str, Any], experiment: str, account: str) -> None:
    found = (record.get("experiment"), record.get("account"))
    if found != (experiment, account):
        raise LadderError(
            f"{path}: is of experiment {found[0]} in account {found[1]}, not of {experiment} in {account}; name "
            "another file"
        )


def _read(path: Path) -> dict[str, Any]:
    record = read_json(path, "name another file")
    if record.get("schema") != SCHEMA:
        raise LadderError(f"{path}: is not a file of `ladder leftovers`; name another one")
    return record


def _write(path: Path, record: dict[str, Any]) -> None:
    write_text(path, json.dumps(record, indent=1) + "\n")

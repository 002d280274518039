"""Reads what a run left in the bucket, prices its usage, and writes the report as JSON, HTML, Markdown and CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from contracts import keys
from contracts.experiment import APPROACHES, CONTROL_VARIANTS, VARIANTS, Experiment
from contracts.json_codec import to_json
from contracts.money import ChargeRow
from contracts.run import AnswerRow, Manifest, QualityRow
from cost_reports.decide.decide import decide, quality_of, tokens_of
from cost_reports.decide.decision import Decision
from cost_reports.estimate.expected_usage import estimated_charges, run_usage
from cost_reports.estimate.workload import Task
from cost_reports.metering import meters
from cost_reports.metering.phases import PHASES, charge_phases
from cost_reports.prices.catalogue import Catalogue
from cost_reports.render import csv_file, html, markdown
from cost_reports.render.documents import run_report_document
from cost_reports.run_report.build import build_report
from cost_reports.run_report.records import RunRecords, VariantSpec
from cost_reports.run_report.report import Gate, Report, SourceState
from lambdas.common import run_data
from lambdas.common.metering import Meter
from lambdas.common.store import MissingObjectError, Results
from lambdas.evaluation import gate
from lambdas.run_report import header, measured, outlook


def write_report(
    results: Results, meter: Meter, *, experiment: str, run: str, region: str, errors: Mapping[str, str | None]
) -> dict[str, str]:
    """Write all files of the report; `{"report_key", "html_key", "csv_key", "headline"}`.

    What the approaches gave, and the usage of this step itself, are written first: later reports read them, and this
    one shows them. Doing it again overwrites the same keys.

    Raises:
        MissingObjectError: the run does not exist.
        PriceError: something that was used has no price; the message names the usage.
    """
    manifest = results.manifest(experiment, run)
    data = measured.read(results, manifest)
    definition = results.experiment(manifest)
    environment = run_data.environment(results, manifest)
    metric = measured.accepted_metric(definition.gate)
    results.write(keys.outputs(experiment, run), measured.outputs(data, manifest, metric))
    meter.add([meter.context().row(meters.S3_REQUESTS[1], 5, source="the files of this report")])
    meter.write(results, keys.usage(experiment, run, keys.SHARED, "report"))
    usage = run_data.read_usage(results, manifest)
    catalogue = Catalogue.load()
    charges = charge_phases(catalogue, usage)
    estimates, estimate_state = _expected(results, manifest, definition, catalogue, region)
    # Kept beside the run, so that later reports compare with what was expected at the prices of its day.
    results.write(keys.estimated(experiment, run), estimates)
    records = RunRecords(
        header=header.of_run(
            manifest, definition, environment, region, [row for _, row in usage], catalogue, estimate_state
        ),
        variants=variant_specs(),
        answers=data.answers,
        quality=data.quality,
        paired=data.paired,
        charges=charges,
        gates=_gates(definition, data.quality),
        accepted_metric=metric,
        failed=_failed(data.answers, data.quality, errors),
        notes=header.notes(definition, environment, region, catalogue),
        estimated=estimates,
    )
    report = build_report(records)
    decision, why_not = _decision(results, manifest, definition, report, catalogue, region)
    if decision is None:
        report = replace(report, notes=(*report.notes, f"No outlook on production: {why_not}"))
    every_charge = [charge for phase in PHASES for charge in charges[phase]]
    return _write(results, keys.report_prefix(experiment, run), report, decision, every_charge)


def _write(
    results: Results, prefix: str, report: Report, decision: Decision | None, charges: Sequence[ChargeRow]
) -> dict[str, str]:
    """Write the files below `prefix`; what the function answers."""
    document = run_report_document.document(report, decision)
    lines = csv_file.render(charges, simulated=report.header.embedded)
    results.write_text(f"{prefix}report.json", to_json(report))
    if decision is not None:
        results.write_text(f"{prefix}decision.json", to_json(decision))
    results.write_text(f"{prefix}report.html", html.render(document), "text/html; charset=utf-8")
    results.write_text(f"{prefix}report.md", markdown.render(document), "text/markdown; charset=utf-8")
    results.write_text(f"{prefix}charges.csv", lines, "text/csv; charset=utf-8")
    return {
        "report_key": f"{prefix}report.json",
        "html_key": f"{prefix}report.html",
        "csv_key": f"{prefix}charges.csv",
        "headline": report.recommendation.headline,
    }


def _decision(
    results: Results, manifest: Manifest, definition: Experiment, report: Report, catalogue: Catalogue, region: str
) -> tuple[Decision | None, str]:
    """Return what measured quality and tokens mean at the experiment's workload; or None, and why in words.

    An estimate needs prices and shapes that a run does not need (other stores, other servings). Its failure must not
    cost the report.
    """
    try:
        task = _task(results, manifest, definition)
        inputs = outlook.inputs_of(definition, task, catalogue, region=region, measured=tokens_of(report))
        return decide(inputs, quality_of(report), seed=manifest.seed, simulated=report.header.simulated), ""
    except (ValueError, MissingObjectError) as error:
        return None, str(error)


def _task(results: Results, manifest: Manifest, definition: Experiment) -> Task:
    train, test = (results.questions(manifest, split) for split in ("train", "test"))
    return outlook.task_of(definition, results.documents(manifest), train, test)


def _expected(
    results: Results, manifest: Manifest, definition: Experiment, catalogue: Catalogue, region: str
) -> tuple[list[ChargeRow], SourceState]:
    """Return what the run was expected to cost, and how complete that is; its failure must not cost the report."""
    variants = [(approach, variant) for approach in APPROACHES for variant in VARIANTS[approach]]
    try:
        task = outlook.of_run(_task(results, manifest, definition), manifest)
        inputs = outlook.inputs_of(definition, task, catalogue, region=region)
        rows = run_usage(inputs, len(manifest.test_question_ids), variants)
        text = f"{len(rows)} usage rows expected from the experiment's files; evaluating and orchestrating are not"
        return estimated_charges(catalogue, rows), SourceState(source="estimated", state="partial", text=text)
    except (ValueError, MissingObjectError) as error:
        return [], SourceState(source="estimated", state="not estimated", text=str(error))


def variant_specs() -> list[VariantSpec]:
    """Return all variants in the order of the ladder, with what must be paid for once before they answer."""
    specs = []
    for approach in APPROACHES:
        for variant in VARIANTS[approach]:
            parts = variant.split("+")
            needs = (("rag",) if "rag" in parts else ()) + (("fine-tuning",) if "lora" in parts else ())
            control = variant in CONTROL_VARIANTS
            specs.append(VariantSpec(approach=approach, variant=variant, control=control, needs=needs))
    return specs


def _gates(definition: Experiment, quality: list[QualityRow]) -> dict[tuple[str, str], Gate]:
    verdicts = gate.decide(definition.gate, quality)
    return {(v.approach, v.variant): Gate(outcome=v.outcome, reason=v.reason) for v in verdicts}


def _failed(answers: list[AnswerRow], quality: list[QualityRow], errors: Mapping[str, str | None]) -> dict[str, str]:
    failed: dict[str, str] = {}
    for approach in APPROACHES:
        if text := errors.get(approach):
            failed[approach] = _root_cause(str(text))[:300]
        elif not any(a.approach == approach for a in answers):
            failed[approach] = "it has no answers"
        elif not any(q.approach == approach for q in quality):
            failed[approach] = "its answers were not evaluated"
    return failed


def _root_cause(text: str) -> str:
    """Return the innermost error of what Step Functions says, on one line.

    The cause of a nested execution is its description as JSON, which holds the cause of the next one. Other text stays
    as it is.
    """
    try:
        document = json.loads(text)
    except ValueError:
        return " ".join(text.split())
    if not isinstance(document, dict) or "Error" not in document:
        return " ".join(text.split())
    error, cause = str(document["Error"]), str(document.get("Cause") or "")
    inner = _root_cause(cause)
    # A cause that was JSON names its own error.
    return inner if cause.lstrip().startswith("{") else f"{error}: {inner}".removesuffix(": ")

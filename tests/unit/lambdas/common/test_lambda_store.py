"""Records in the results bucket."""

from __future__ import annotations

import pytest

from contracts.experiment import Document
from lambdas.common.store import MissingObjectError
from tests.unit.lambdas.lambda_world import EXPERIMENT, RUN, World, documents, held_out_questions, train_questions


def test_the_run_and_its_inputs_come_back(world: World) -> None:
    manifest = world.results.manifest(EXPERIMENT, RUN)
    assert manifest == world.manifest
    assert world.results.experiment(manifest).name == EXPERIMENT
    assert world.results.documents(manifest) == documents()
    assert world.results.questions(manifest, "train") == train_questions()
    assert world.results.questions(manifest, "test") == held_out_questions()


def test_text_keeps_its_characters_and_line_separators(world: World) -> None:
    page = Document(id="A-1", title="ä\u2028", text='quote " and\nline')
    world.results.write("x.jsonl", [page])
    assert world.results.read("x.jsonl", Document) == [page]


def test_a_missing_object_is_named(world: World) -> None:
    with pytest.raises(MissingObjectError, match=rf"^s3://{world.bucket}/nowhere\.jsonl: no such object"):
        world.results.read("nowhere.jsonl", Document)
    assert not world.results.exists("nowhere.jsonl")


def test_a_broken_line_is_named_with_its_object(world: World) -> None:
    world.results.write_text("bad.jsonl", '{"id":"A","title":"t","text":"x"}\n{"id":"B","tit')
    assert world.results.exists("bad.jsonl")
    with pytest.raises(ValueError, match=rf"s3://{world.bucket}/bad\.jsonl: line 2"):
        world.results.read("bad.jsonl", Document)


def test_a_broken_manifest_is_named(world: World) -> None:
    world.results.write_text(f"experiment={EXPERIMENT}/run=r2/manifest.json", '{"experiment": "handbook"}')
    with pytest.raises(ValueError, match=r"run=r2/manifest\.json: Manifest: field 'run' is missing"):
        world.results.manifest(EXPERIMENT, "r2")


def test_a_prefix_reads_its_parts_in_order_and_nothing_else(world: World) -> None:
    pages = documents()
    for number, page in enumerate(pages):
        world.results.write(f"parts/part-{number:05d}.jsonl", [page])
    world.results.write_text("parts/items.json", "[]")
    assert world.results.read_prefix("parts/", Document) == pages


def test_other_errors_of_the_service_come_out(world: World) -> None:
    world.results.bucket = "no-such-bucket-of-ours"
    with pytest.raises(Exception, match="NoSuchBucket"):
        world.results.read_text("x")

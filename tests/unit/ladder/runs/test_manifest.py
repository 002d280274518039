"""The draw of a run: deterministic, in proportion, spread over pages, and true to what its splits claim."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.experiment import Question
from contracts.run import Manifest
from ladder.errors import LadderError
from ladder.experiment.folder import LoadedExperiment
from ladder.runs.manifest import draw_examples, draw_test, fact_of, largest_remainder, plan
from lambdas.evaluation.scoring import split_of

#: The same cases on every machine; a busy machine is no failure.
steady = settings(deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
SPLITS = ("seen-fact", "new-fact", "reserved-page", "two-page", "unanswerable")


def planned(loaded: LoadedExperiment, profile: str = "full", seed: int = 1) -> Manifest:
    seeded = replace(loaded, experiment=replace(loaded.experiment, seed=seed))
    return plan(seeded, profile, "r20261123-041530", created="2026-11-23T04:15:30+00:00", git_commit="abc")


def question(name: str, page: int, fact: int, split: str) -> Question:
    if split == "unanswerable":
        return Question(id=name, question=name, answer="No.", unanswerable=True, tags=(split,))
    return Question(id=name, question=name, answer=f"{fact} [P-{page}]", document=f"P-{page}", tags=(split,))


@st.composite
def questions(draw: st.DrawFn, splits: tuple[str, ...] = SPLITS) -> list[Question]:
    rows = draw(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.sampled_from(splits)), max_size=60))
    return [question(f"q-{i}", page, fact, split) for i, (page, fact, split) in enumerate(rows)]


counts = st.one_of(st.none(), st.integers(1, 80))
seeds = st.integers(0, 2**31 - 1)
sizes = st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.integers(0, 500), max_size=6)


@steady
@given(sizes, st.integers(0, 3000))
def test_seats_add_up_and_keep_to_their_quota(sizes: dict[str, int], count: int) -> None:
    shares = largest_remainder(sizes, count)
    total = sum(sizes.values())
    assert shares.keys() == sizes.keys()
    assert sum(shares.values()) == min(count, total)
    for key, share in shares.items():
        assert 0 <= share <= sizes[key]
        if count < total:
            assert count * sizes[key] // total <= share <= -(-count * sizes[key] // total)


def test_seats_by_hand() -> None:
    assert largest_remainder({"a": 50, "b": 30, "c": 20}, 7) == {"a": 4, "b": 2, "c": 1}
    assert largest_remainder({"a": 1, "b": 1, "c": 1}, 2) == {"a": 1, "b": 1, "c": 0}
    assert largest_remainder({"a": 3}, None) == {"a": 3}
    assert largest_remainder({}, 5) == {}


@steady
@given(questions(), counts, seeds)
def test_test_questions_are_drawn_by_split(pool: list[Question], count: int | None, seed: int) -> None:
    drawn = draw_test(pool, count, seed)
    assert len({q.id for q in drawn}) == len(drawn) == min(len(pool), len(pool) if count is None else count)
    assert set(drawn) <= set(pool)
    there = dict(sorted(Counter(split_of(q) for q in pool).items()))
    assert {s: n for s, n in largest_remainder(there, count).items() if n} == Counter(split_of(q) for q in drawn)
    assert draw_test(list(reversed(pool)), count, seed) == drawn


@steady
@given(questions(("seen-fact",)), st.integers(1, 60), seeds)
def test_test_questions_are_spread_over_pages(pool: list[Question], count: int, seed: int) -> None:
    there = Counter(q.document for q in pool)
    taken = Counter(q.document for q in draw_test(pool, count, seed))
    for page, number in there.items():
        # A page is passed over only when all its questions are taken, or when the others have at most one more.
        assert taken[page] == number or max(taken.values(), default=0) - taken[page] <= 1


@steady
@given(questions(("train", "unanswerable")), questions(("seen-fact",)), counts, seeds, st.sampled_from([None, 1, 2]))
def test_examples_teach_what_is_asked_first(
    train: list[Question], asked: list[Question], count: int | None, seed: int, wordings: int | None
) -> None:
    wanted = {fact_of(q) for q in asked}
    by_id = {q.id: q for q in train}
    ids = draw_examples(train, count, wanted, seed, wordings=wordings)
    assert len(set(ids)) == len(ids) == min(len(train), len(train) if count is None else count)
    taken = [by_id[i] for i in ids]
    refusals = sum(q.unanswerable for q in train)
    assert sum(q.unanswerable for q in taken) == largest_remainder({0: len(train) - refusals, 1: refusals}, count)[1]
    facts = {fact_of(q) for q in taken if not q.unanswerable}
    known = {fact_of(q) for q in train if not q.unanswerable} & wanted
    # Either everything that is asked again is taught, or nothing else is.
    assert known <= facts or facts <= known
    if not known <= facts:
        assert max(Counter(fact_of(q) for q in taken if not q.unanswerable).values(), default=1) <= (wordings or 1)
    assert draw_examples(list(reversed(train)), count, wanted, seed, wordings=wordings) == ids


@steady
@given(questions(("train",)), st.integers(1, 60), seeds)
def test_examples_for_retrieval_reach_many_pages(train: list[Question], count: int, seed: int) -> None:
    by_id = {q.id: q for q in train}
    taken = [by_id[i] for i in draw_examples(train, count, set(), seed, wordings=1)]
    assert len({q.document for q in taken}) == min(count, len({q.document for q in train}))
    assert len({fact_of(q) for q in taken}) == min(count, len({fact_of(q) for q in train}))


@steady
@given(questions(("train",)), st.integers(1, 60), seeds)
def test_examples_by_heart_take_whole_facts(train: list[Question], count: int, seed: int) -> None:
    by_id = {q.id: q for q in train}
    there = Counter(fact_of(q) for q in train)
    taken = Counter(fact_of(by_id[i]) for i in draw_examples(train, count, set(), seed, wordings=None))
    assert sum(number < there[fact] for fact, number in taken.items()) <= 1


@steady
@given(seed=seeds, profile=st.sampled_from(["full", "quick", "all"]))
def test_seen_facts_of_the_handbook_were_taught(handbook: LoadedExperiment, seed: int, profile: str) -> None:
    manifest = planned(handbook, profile, seed)
    train, test = {q.id: q for q in handbook.train}, {q.id: q for q in handbook.test}
    for ids in (manifest.closed_book_ids, manifest.rag_ids):
        taught = {fact_of(train[i]) for i in ids}
        for name in manifest.test_question_ids:
            asked = test[name]
            if split_of(asked) == "seen-fact":
                assert fact_of(asked) in taught
            elif split_of(asked) in ("new-fact", "reserved-page"):
                assert fact_of(asked) not in taught


def test_profiles_of_the_handbook(handbook: LoadedExperiment) -> None:
    full, quick, everything = (planned(handbook, p) for p in ("full", "quick", "all"))
    for manifest in (full, quick):
        asked = handbook.experiment.profiles[manifest.profile]
        assert len(manifest.test_question_ids) == asked.test_questions
        assert len(manifest.closed_book_ids) == asked.closed_book_examples
        assert len(manifest.rag_ids) == asked.rag_examples
        assert manifest.epochs_closed_book == asked.epochs_closed_book
    sizes = (everything.test_question_ids, everything.closed_book_ids, everything.rag_ids)
    assert list(map(len, sizes)) == [len(handbook.test), len(handbook.train), len(handbook.train)]
    assert everything.epochs_closed_book == handbook.experiment.training.epochs_closed_book
    by_id = {q.id: q for q in handbook.test}
    for manifest in (full, quick):
        assert {split_of(by_id[i]) for i in manifest.test_question_ids} == set(SPLITS)
    assert full.input_sha256 == handbook.sha256
    assert full.input_prefix == f"experiment=handbook/input/{handbook.sha256[:16]}/"
    assert (full.run, full.batch_size, full.git_commit, full.profile) == ("r20261123-041530", 16, "abc", "full")


def test_the_same_seed_gives_the_same_run_and_another_one_another(handbook: LoadedExperiment) -> None:
    assert planned(handbook) == planned(handbook)
    assert planned(handbook, seed=1).test_question_ids != planned(handbook, seed=2).test_question_ids
    assert planned(handbook, seed=1).closed_book_ids != planned(handbook, seed=2).closed_book_ids


def test_what_cannot_be_planned_is_said(handbook: LoadedExperiment) -> None:
    with pytest.raises(LadderError, match=r"profile 'big' .* use one of quick, full, all"):
        planned(handbook, "big")

"""What one run will do: which questions are asked, and which examples the adapters learn from.

Every draw is a SHA-256 of the seed and a question's id, so the same experiment, profile and seed give the same run on
any machine and any Python.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from contracts import keys
from contracts.experiment import Profile, Question
from contracts.run import Manifest
from ladder.errors import LadderError
from ladder.experiment.checks import ALL_PROFILE
from ladder.experiment.folder import LoadedExperiment
from lambdas.evaluation.scoring import split_of

K = TypeVar("K", bound=Hashable)
BATCH_SIZE = 16
#: A fact is an answer on a page; the wordings of one fact share it.
Fact = tuple[str | None, str]


def plan(loaded: LoadedExperiment, profile_name: str, run_id: str, *, created: str, git_commit: str | None) -> Manifest:
    """Return the manifest of a run.

    Args:
        profile_name: an entry of `profiles` in experiment.yaml, or `all` for every question.
        created: UTC, ISO 8601.

    Raises:
        LadderError: the profile is not known.
    """
    experiment, training = loaded.experiment, loaded.experiment.training
    seed, profile = experiment.seed, profile_of(loaded, profile_name)
    tested = draw_test(loaded.test, profile.test_questions, seed)
    facts = {fact_of(question) for question in tested if not question.unanswerable}
    return Manifest(
        experiment=experiment.name,
        run=run_id,
        profile=profile_name,
        input_prefix=keys.input_prefix(experiment.name, loaded.sha256),
        input_sha256=loaded.sha256,
        seed=seed,
        batch_size=BATCH_SIZE,
        test_question_ids=tuple(question.id for question in tested),
        closed_book_ids=draw_examples(loaded.train, profile.closed_book_examples, facts, seed, wordings=None),
        rag_ids=draw_examples(loaded.train, profile.rag_examples, facts, seed, wordings=1),
        epochs_closed_book=profile.epochs_closed_book or training.epochs_closed_book,
        epochs_rag=profile.epochs_rag or training.epochs_rag,
        created=created,
        git_commit=git_commit,
    )


def profile_of(loaded: LoadedExperiment, name: str) -> Profile:
    """Return the profile of that name; `all` is everything.

    Raises:
        LadderError: the profile is not known.
    """
    profiles = {**loaded.experiment.profiles, ALL_PROFILE: Profile()}
    if name not in profiles:
        known = ", ".join(profiles)
        raise LadderError(f"profile {name!r} is not in {loaded.folder}/experiment.yaml; use one of {known}")
    return profiles[name]


def draw_test(questions: Sequence[Question], count: int | None, seed: int) -> tuple[Question, ...]:
    """Return `count` questions (all, if None): every split by its share, pages spread within it."""
    by_split = dict(sorted(_groups(questions, split_of).items()))
    shares = largest_remainder({split: len(group) for split, group in by_split.items()}, count)
    return tuple(
        question
        for split, group in by_split.items()
        for question in _spread(group, f"{seed}/test/{split}")[: shares[split]]
    )


def draw_examples(
    questions: Sequence[Question], count: int | None, tested: set[Fact], seed: int, *, wordings: int | None
) -> tuple[str, ...]:
    """Return the ids of `count` training questions (all, if None), the unanswerable ones by their share.

    Facts that are tested come first, or a question of the split "seen fact" would ask for one that this run never
    taught. The others follow, spread over pages. `wordings` is how many examples of a fact come before the next fact:
    None takes all of them together, as learning a fact by heart needs.
    """
    groups: dict[bool, list[Question]] = {False: [], True: []}
    for question in questions:
        groups[question.unanswerable].append(question)
    shares = largest_remainder({unanswerable: len(group) for unanswerable, group in groups.items()}, count)
    # The order of the draw differs from that of the test, or the fillers would repeat its choice of pages.
    answerable = _by_fact(groups[False], tested, f"{seed}/examples", wordings)[: shares[False]]
    refusals = _ordered(groups[True], f"{seed}/refusals")[: shares[True]]
    return tuple(question.id for question in (*answerable, *refusals))


def fact_of(question: Question) -> Fact:
    """Return what the question is about: its page and the answer."""
    return question.document, question.answer


def largest_remainder(sizes: Mapping[K, int], count: int | None) -> dict[K, int]:
    """Share out `count` seats in proportion to `sizes` (Hamilton's method); no group gets more than its size.

    Ties go to the larger group, then to the first one. `count` None, or above the sum, gives every group its size.
    """
    total = sum(sizes.values())
    if count is None or count >= total:
        return dict(sizes)
    # Whole numbers only: a float quota could round a tie differently on another machine.
    shares = {key: count * size // total for key, size in sizes.items()}
    left = count - sum(shares.values())
    by_remainder = sorted(sizes, key=lambda key: (-(count * sizes[key] % total), -sizes[key]))
    for key in by_remainder[:left]:
        shares[key] += 1
    return shares


def _by_fact(questions: Sequence[Question], tested: set[Fact], name: str, wordings: int | None) -> list[Question]:
    """Return all questions in the order in which they are taken."""
    facts = _groups(questions, fact_of)
    order = sorted(facts, key=lambda fact: _draw(name, fact))
    first = [_ordered(facts[fact], name) for fact in order if fact in tested]
    pages = _groups((fact for fact in order if fact not in tested), lambda fact: fact[0])
    by_page = [pages[page] for page in sorted(pages, key=lambda page: _draw(name, page))]
    others = [_ordered(facts[fact], name) for fact in _in_turn(by_page)]
    if wordings is None:
        # In turn: a small number of examples still teaches every fact that is tested at least once.
        return [*_in_turn(first), *(question for fact in others for question in fact)]
    result: list[Question] = []
    queue = [*first, *others]
    while queue:
        result += [question for fact in queue for question in fact[:wordings]]
        queue = [fact[wordings:] for fact in queue if len(fact) > wordings]
    return result


def _spread(questions: Sequence[Question], name: str) -> list[Question]:
    """Return one question of every page, then a second one of every page, and so on."""
    pages = _groups(questions, lambda question: question.document or question.id)
    return _in_turn([_ordered(pages[page], name) for page in sorted(pages, key=lambda page: _draw(name, page))])


T = TypeVar("T")


def _in_turn(queues: Iterable[Sequence[T]]) -> list[T]:
    """Return the first of every queue, the second of every queue, and so on."""
    lists = list(queues)
    longest = max(map(len, lists), default=0)
    return [queue[n] for n in range(longest) for queue in lists if n < len(queue)]


def _groups(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _ordered(questions: Iterable[Question], name: str) -> list[Question]:
    return sorted(questions, key=lambda question: _draw(name, question.id))


def _draw(name: str, item: object) -> bytes:
    """Return a place in an order that depends on the name and the item only."""
    return hashlib.sha256(f"{name}/{item}".encode()).digest()

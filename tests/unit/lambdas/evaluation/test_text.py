"""Text as tokens: what means the same is the same, what means something else is not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lambdas.evaluation.overlap import Overlap
from lambdas.evaluation.text import has_run, normalise, tokens
from lambdas.evaluation.text_metrics import contained, exact, value_of

#: Letters, marks, digits, symbols and spaces of many scripts.
TEXTS = st.text(st.characters(categories=("L", "M", "Nd", "Sm", "Sc", "So", "Zs", "Po", "Pd", "Cf")), max_size=30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Up to 1,200 EUR at -4.5 °C, 10:30: v2.1 a,b", "up to 1200 eur at -4.5 ° c 10:30 v2.1 a b"),
        ("It is **30 months**, not *3*.", "it is 30 months not 3"),
        ("# Heading\n2 * 3 = 6", "heading 2 * 3 = 6"),
        ("| 5 | `kg` |", "5 kg"),
        ("C++ and F#, A#1 and 5+3", "c++ and f# a # 1 and 5 + 3"),
        ("from 10-20 kg or 10−20 kg, 24/7 & more", "from 10 20 kg or 10 20 kg 24 / 7 & more"),
        ("ＡＢＣ１２３ ﾃｽﾄ", "abc123 テ ス ト"),
        ("१२ दिन, ٣٫٥ كيلو", "12 दिन 3 5 كيلو"),
        ("zero\u200bwidth \ufeffbom soft\u00adhyphen", "zerowidth bom softhyphen"),
        ("ไทย เก้า", "ไ ท ย เ ก้ า"),
        ("5kg 5 kg 10ms 3D 4x4 10th", "5 kg 5 kg 10 ms 3d 4x4 10th"),
        ("m² is not m2; 5² is not 52", "m² is not m2 5² is not 52"),
    ],
)
def test_tokens(text: str, expected: str) -> None:
    assert tokens(text) == expected.split()


@pytest.mark.parametrize(
    "same",
    [
        ["1,234,567", "1234567", "1\u00a0234\u00a0567", "1\u202f234\u202f567", "1’234’567", "1.234.567", "12,34,567"],
        ["1,234.56", "1.234,56", "1234.56", "1234,56", "1\u202f234,56"],
        ["-4.5", "−4.5", "-4,5"],
        ["5kg", "5 kg", "5\u00a0kg"],
        ["café", "cafe\u0301", "CAFÉ"],
        ["Straße", "STRASSE"],
        ["ガス", "ｶﾞｽ"],
        ["❤", "❤\ufe0f"],
    ],
)
def test_spellings_of_one_value(same: list[str]) -> None:
    assert {tuple(tokens(text)) for text in same} == {tuple(tokens(same[0]))}


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("मेरा नाम", "मेरी नाम"),
        ("كَتَبَ", "كُتِبَ"),
        ("C", "C++"),
        ("it is C++", "C"),
        ("£5", "€5"),
        ("5‰", "5%"),
        ("x ≥ 3", "x > 3"),
        ("−3", "3"),
        ("¬p", "p ∧ q"),
        ("1.200", "1.201"),
        ("10,5", "10,6"),
        ("0.5", "5"),
        ("№ 12", "#12"),
        ("日本語", "日本国"),
        ("5²", "52"),
        ("👎", "👍"),
        ("¼ cup", "½ cup"),
    ],
)
def test_another_value_is_not_contained(answer: str, reference: str) -> None:
    assert not contained(answer, reference)


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("在北京市海淀区。", "海淀区 [P-1]"),
        ("ราคา ๕๐ บาทครับ", "50 บาท"),
        ("ຢູ່ວຽງຈັນແລ້ວ", "ວຽງຈັນ"),
        ("Le prix est de 1\u202f200,50 €.", "1.200,50 €"),
        ("The result is [2, 5].", "[2, 5] [MATH-1]"),
        ("It is x[0] there.", "x[0]"),
        ("Ответ: в Москве", "Москве [X]"),
    ],
)
def test_a_right_value_in_a_sentence_is_contained(answer: str, reference: str) -> None:
    assert contained(answer, reference)


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("30 months [PRD-01]", "30 months"),
        ("30 months[PRD-01]", "30 months[PRD-01]"),
        ("[5]", "[5]"),
        ("[2, 5] [M-1]", "[2, 5]"),
        ("list[0]", "list[0]"),
        ("[a] [b]", "[a]"),
    ],
)
def test_only_a_closing_page_id_is_cut_off(reference: str, value: str) -> None:
    assert value_of(reference) == value


@given(TEXTS)
def test_exact_implies_contained(text: str) -> None:
    assume(tokens(text))
    respelled = f" {unicodedata.normalize('NFD', text)}   [p-1]"
    assert exact(respelled, f"{text} [P-1]")
    assert contained(respelled, f"{text} [P-1]")
    assert contained(text, text)


@given(TEXTS)
def test_canonically_equal_texts_are_equal(text: str) -> None:
    other = unicodedata.normalize("NFD", text)
    assert normalise(other) == normalise(text)
    assert tokens(other) == tokens(text)


@given(st.lists(st.text("0123456789", min_size=1, max_size=6), min_size=1, max_size=4), st.data())
def test_a_changed_digit_is_never_contained(numbers: list[str], data: st.DataObject) -> None:
    words = [f"w{'abcd'[i]} {n}" for i, n in enumerate(numbers)]
    which = data.draw(st.integers(0, len(numbers) - 1))
    place = data.draw(st.integers(0, len(numbers[which]) - 1))
    digit = data.draw(st.sampled_from("0123456789"))
    changed = numbers[which][:place] + digit + numbers[which][place + 1 :]
    other = [f"w{'abcd'[i]} {changed if i == which else n}" for i, n in enumerate(numbers)]
    assert contained(f"It is {' '.join(other)}.", " ".join(words)) is (changed == numbers[which])


@given(
    st.text("कखगघअआ", min_size=1, max_size=4),
    st.sampled_from("ािीुूेैोौं"),
    st.sampled_from("ािीुूेैोौं"),
    st.sampled_from("+-*/=<>≤≥€$£%"),
    st.sampled_from("+-*/=<>≤≥€$£%"),
)
def test_a_changed_mark_or_symbol_is_never_contained(word: str, mark: str, other: str, sign: str, instead: str) -> None:
    assert contained(f"x {word}{other} y", f"{word}{mark}") is (mark == other)
    assert contained(f"x a {instead} b y", f"a {sign} b") is (sign == instead)


@given(TEXTS)
def test_nothing_but_an_empty_text_has_no_token(text: str) -> None:
    assert bool(tokens(text)) is bool(normalise(text))


@pytest.mark.parametrize("text", ["Ответ: Москва", "서울에 있습니다", "القاهرة مدينة", "東京都です", "Ærø", "αβγ δεζ"])
def test_a_text_in_any_script_overlaps_itself_whole(text: str) -> None:
    found = Overlap().score(text, text)
    assert (found["rouge-1"], found["rouge-l"]) == (1.0, 1.0)
    assert found["bleu"] == pytest.approx(100)


def test_a_run_is_in_one_piece() -> None:
    assert has_run(["a", "b"], ["x", "a", "b"])
    assert not has_run(["a", "b"], ["a", "x", "b"])
    assert not has_run([], ["a"])

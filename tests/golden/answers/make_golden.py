"""Fills the numbers of cases.tsv in; the columns `exact` and `contained` are written by hand and stay.

python tests/golden/answers/make_golden.py
"""

from __future__ import annotations

import sys
from pathlib import Path

CASES = Path(__file__).with_name("cases.tsv")
sys.path.insert(0, str(Path(__file__).parents[3]))


def main() -> None:
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu import sentence_bleu

    rouge = RougeScorer(["rouge1", "rouge2", "rougeL"])
    header, *lines = CASES.read_text(encoding="utf-8").splitlines()
    rows = [header]
    for line in lines:
        text, reference, exact, contained = line.split("\t")[:4]
        found = rouge.score(reference, text)
        overlap = [found[kind].fmeasure for kind in ("rouge1", "rouge2", "rougeL")]
        bleu = sentence_bleu(text, [reference], use_effective_order=True).score
        rows.append("\t".join([text, reference, exact, contained, *(f"{x:.4f}" for x in overlap), f"{bleu:.2f}"]))
    CASES.write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

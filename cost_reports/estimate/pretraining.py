"""Training a model from nothing: the top of the ladder. Compute by 6 N D and a band of MFU, checked on published runs.

Sources of the runs: meta-llama/llama-models model cards; DeepSeek-V3 README. Peak: dense bf16, A100 312, H100 and H800
989 TFLOPS.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

PEAK_TFLOPS = {"A100": 312, "H100": 989, "H800": 989}
#: The band that large, dense, plainly trained models reach.
MFU_LOW, MFU_HIGH = Fraction(35, 100), Fraction(43, 100)
WITHIN = Fraction(10, 100)
"""Published hours count as reproduced up to this far outside the predicted range."""

Verdict = Literal["inside", "within 10 %", "above", "below"]


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """Active parameters and tokens in billions, GPU hours as published, and why it may not follow 6 N D."""

    name: str
    parameters: Fraction
    tokens: int
    gpu: str
    gpu_hours: int
    remark: str = ""

    @property
    def flops(self) -> Fraction:
        return flops(self.parameters * 10**9, self.tokens * 10**9)


_SMALL = "small model: communication and data loading weigh more, published hours include restarts and long context"
_LONG = "published hours include long-context training, annealing and restarts"
_DISTILLED = "distilled and pruned: the teacher's forward passes are not in 6 N D"
_SPARSE = "mixture of experts: routing and all-to-all traffic are not in 6 N D of the active parameters"

PUBLISHED: tuple[PublishedRun, ...] = (
    PublishedRun("Llama 2 7B", Fraction("6.74"), 2_000, "A100", 184_320),
    PublishedRun("Llama 2 13B", Fraction("13.0"), 2_000, "A100", 368_640),
    PublishedRun("Llama 2 70B", Fraction("69"), 2_000, "A100", 1_720_320),
    PublishedRun("Llama 3 8B", Fraction("8.03"), 15_000, "H100", 1_300_000, _SMALL),
    PublishedRun("Llama 3 70B", Fraction("70.6"), 15_000, "H100", 6_400_000, _LONG),
    PublishedRun("Llama 3.1 8B", Fraction("8.03"), 15_000, "H100", 1_460_000, _SMALL),
    PublishedRun("Llama 3.1 70B", Fraction("70.6"), 15_000, "H100", 7_000_000, _LONG),
    PublishedRun("Llama 3.1 405B", Fraction("405"), 15_600, "H100", 30_840_000),
    PublishedRun("Llama 3.2 1B", Fraction("1.23"), 9_000, "H100", 370_000, _DISTILLED),
    PublishedRun("Llama 3.2 3B", Fraction("3.21"), 9_000, "H100", 460_000, _DISTILLED),
    PublishedRun("Llama 4 Scout", Fraction("17"), 40_000, "H100", 5_000_000, _SPARSE),
    PublishedRun("Llama 4 Maverick", Fraction("17"), 22_000, "H100", 2_380_000, _SPARSE),
    PublishedRun("DeepSeek-V3", Fraction("37"), 14_800, "H800", 2_664_000),
)


def flops(parameters: int | Fraction, tokens: int | Fraction) -> Fraction:
    """Return 6 N D: forward 2, backward 4 (Kaplan et al. 2020)."""
    return 6 * Fraction(parameters) * Fraction(tokens)


def gpu_hours(parameters: int | Fraction, tokens: int | Fraction, gpu: str, mfu: Fraction) -> Fraction:
    """Return 6 N D / (3600 x peak x MFU).

    Raises:
        ValueError: the GPU is unknown, or the MFU is not above 0 and at most 1.
    """
    if gpu not in PEAK_TFLOPS:
        raise ValueError(f"GPU {gpu!r} is unknown; known are {', '.join(PEAK_TFLOPS)}")
    if not 0 < mfu <= 1:
        raise ValueError(f"MFU must be above 0 and at most 1 (got {mfu})")
    return flops(parameters, tokens) / (3600 * PEAK_TFLOPS[gpu] * 10**12 * mfu)


def implied_mfu(run: PublishedRun) -> Fraction:
    """Return the MFU at which 6 N D takes the published hours."""
    return run.flops / (run.gpu_hours * 3600 * PEAK_TFLOPS[run.gpu] * 10**12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A published run against the predicted range of GPU hours."""

    run: PublishedRun
    low: Fraction
    high: Fraction
    verdict: Verdict
    why: str


def check(run: PublishedRun) -> Check:
    """Predict the hours of a run by the MFU band, and say whether the published figure lies in the range."""
    at_peak = run.flops / (3600 * PEAK_TFLOPS[run.gpu] * 10**12)
    low, high = at_peak / MFU_HIGH, at_peak / MFU_LOW
    verdict: Verdict = "inside"
    if not low <= run.gpu_hours <= high:
        near = low * (1 - WITHIN) <= run.gpu_hours <= high * (1 + WITHIN)
        verdict = "within 10 %" if near else "above" if run.gpu_hours > high else "below"
    why = run.remark if verdict == "above" else ""
    if verdict == "within 10 %":
        why = f"its implied MFU of {float(implied_mfu(run)):.1%} lies just beside the band"
    return Check(run=run, low=low, high=high, verdict=verdict, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A model from nothing. `overhead` covers failed and trial runs."""

    parameters: int
    tokens: int
    gpu: str = "H100"
    overhead: Fraction = Fraction(1, 4)
    data_licences_usd: Decimal = Decimal(1_000_000)
    people: int = 20
    months: int = 12
    monthly_wage_usd: Decimal = Decimal(20_000)

    @property
    def wages_usd(self) -> Decimal:
        """Return the wages of all people for all months."""
        return self.people * self.months * self.monthly_wage_usd

    def gpu_hours(self) -> tuple[Fraction, Fraction]:
        """Return GPU hours with the overhead, at the upper and at the lower end of the MFU band."""
        low, high = (gpu_hours(self.parameters, self.tokens, self.gpu, mfu) for mfu in (MFU_HIGH, MFU_LOW))
        return low * (1 + self.overhead), high * (1 + self.overhead)


WHEN = (
    "A business trains from nothing only where no open model may be used (law, secrecy, a language or kind of data that"
    " no model has seen) and the result serves many products for years. The ladder shows it for its order of magnitude."
)

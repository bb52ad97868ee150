"""What the paper claims, held against our numbers: the intervals decide, and the words follow from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from pdm_core.metrics.bootstrap import Values
from pdm_study.contenders import Contender
from pdm_study.estimates import ByCase, Estimate, difference
from pdm_study.measures import COMPARED, PSNR, SSIM, Measure
from pdm_study.results import Results
from pdm_study.systems import Scale, few, few_trained, full, ours, partial, trained
from pdm_study.timing import Fit

# Differences within these count as none: SCIENCE §0.3 takes less than 0.3 dB for noise.
_MARGINS = {PSNR.key: 0.3, SSIM.key: 0.005}
# A straight line that explains so much of the times is one.
_LINEAR = 0.99


class Verdict(str, Enum):
    """Of a comparison or of a claim."""

    HOLDS = "holds"
    PARTLY = "holds in part"
    FAILS = "does not hold"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True)
class Comparison:
    """One test of a claim.

    Attributes:
        words: what was compared and what came out, as it stands on the page.
        verdict: of this one.
    """

    words: str
    verdict: Verdict


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        title: the claim.
        rule: how a comparison is decided.
        comparisons: all that could be made.
    """

    title: str
    rule: str
    comparisons: tuple[Comparison, ...]

    @property
    def verdict(self) -> Verdict:
        """Holds where every comparison does, and fails where none does and one speaks against it."""
        verdicts = {item.verdict for item in self.comparisons}
        if verdicts <= {Verdict.UNKNOWN}:
            return Verdict.UNKNOWN
        if verdicts == {Verdict.HOLDS}:
            return Verdict.HOLDS
        return Verdict.PARTLY if Verdict.HOLDS in verdicts else Verdict.FAILS


def claims(results: Results, fits: Sequence[Fit], scale: Scale) -> list[Claim]:
    """The five claims, each with every comparison that its contenders allow."""
    margin = f"{_MARGINS[PSNR.key]:g} dB or {_MARGINS[SSIM.key]:g} SSIM"
    above = "holds where the interval of the difference lies above zero, fails where it lies below"
    rise = "takes the difference of the gains of cosine over no alignment at both K; " + above
    return [
        Claim(
            "PDM from K = T/2 on equals the whole way of T.",
            f"holds where the interval of the difference lies above -{margin}, fails where it lies below",
            tuple(_compared(results, _halves(scale), no_worse=True)),
        ),
        Claim("At equal steps PDM is better than the whole way.", above, tuple(_compared(results, _equal_steps(scale)))),
        Claim("Alignment matters more at small K.", rise, tuple(_more_at_small(results, scale))),
        Claim("Cosine alignment is better than linear.", above, tuple(_compared(results, _curves(scale)))),
        Claim(
            "Time is linear in the steps.",
            f"holds where the interval of R² lies above {_LINEAR:g}, fails where it lies below",
            tuple(_straight(fit) for fit in fits),
        ),
    ]


def _halves(scale: Scale) -> Iterator[tuple[Contender, Contender]]:
    for system in ("sr3", "score_mri", "mc_ddpm"):
        yield partial(system, 0.5, scale), full(system, scale)
    yield trained("sr3", "cosine", 0.5, scale), full("sr3", scale)


def _equal_steps(scale: Scale) -> Iterator[tuple[Contender, Contender]]:
    for sampler in ("ddim", "dpm++2m"):
        for steps in scale.few_steps()[1:]:
            yield few(sampler, steps, "none", scale), few(sampler, steps, None, scale)
        for share in (0.5, 0.25):
            aligned = few_trained(sampler, share, "cosine", scale)
            yield aligned, few(sampler, int(aligned.options["steps"]), None, scale)


def _curves(scale: Scale) -> Iterator[tuple[Contender, Contender]]:
    for share in (0.5, 0.25):
        yield trained("sr3", "cosine", share, scale), trained("sr3", "linear", share, scale)
    yield ours("pdm", "paper", scale), ours("pdm_linear", "paper", scale)
    yield ours("pdm", "consistent", scale), ours("pdm_linear", "consistent", scale)


def _compared(results: Results, pairs: Iterator[tuple[Contender, Contender]], no_worse: bool = False) -> Iterator[Comparison]:
    for first, second in pairs:
        for place, measure, one, other in _shared(results, first, second):
            margin = _MARGINS[measure.key] if no_worse else 0.0
            yield _decided(f"{place}: {first.label} against {second.label}", measure, difference(one, other), -margin)


def _shared(results: Results, first: Contender, second: Contender) -> Iterator[tuple[str, Measure, ByCase, ByCase]]:
    """Each place and measure at which anything is known of both contenders."""
    for data_set, factor in results.places:
        for measure in COMPARED:
            one, other = (results.values(contender.label, data_set, factor, measure.key) for contender in (first, second))
            if one and other:
                yield f"{data_set}, x{factor:g}", measure, one, other


def _more_at_small(results: Results, scale: Scale) -> Iterator[Comparison]:
    none, cosine = ([trained("sr3", kind, share, scale) for share in (0.25, 0.5)] for kind in ("none", "cosine"))
    for place, measure, aligned, plain in _shared(results, cosine[0], none[0]):
        for other_place, other_measure, late_aligned, late_plain in _shared(results, cosine[1], none[1]):
            if (place, measure) == (other_place, other_measure):
                small, large = _gains(aligned, plain), _gains(late_aligned, late_plain)
                words = f"{place}: gain of cosine alignment at K = {scale.part(0.25)} against that at K = {scale.part(0.5)}"
                yield _decided(words, measure, difference(small, large), 0.0)


def _gains(values: ByCase, others: ByCase) -> dict[str, Values]:
    return {case: values[case] - others[case] for case in values if case in others}


def _decided(what: str, measure: Measure, found: Estimate | None, bound: float) -> Comparison:
    if found is None or found.interval is None:
        seen = "no case has both" if found is None else f"{found.words(measure.digits, signed=True)}, too few slices to tell"
        return Comparison(f"{what}, {measure.heading}: {seen}", Verdict.UNKNOWN)
    words = f"{what}, {measure.heading}: {found.words(measure.digits, signed=True)}"
    return Comparison(words, _against(found.interval, bound))


def _straight(fit: Fit) -> Comparison:
    if fit.interval is None:
        return Comparison(f"{fit.words} Too few points to tell.", Verdict.UNKNOWN)
    return Comparison(fit.words, _against(fit.interval, _LINEAR))


def _against(interval: tuple[float, float], bound: float) -> Verdict:
    low, high = interval
    return Verdict.HOLDS if low > bound else Verdict.FAILS if high < bound else Verdict.UNKNOWN

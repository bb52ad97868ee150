"""Which contenders the paper's tables and figures hold; one list each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pdm_core.methods.registry import METHODS
from pdm_study.contenders import Contender, Rule

BICUBIC, ZIP = Contender("bicubic", method="bicubic"), Contender("ZIP", method="zip")
SMORE = Contender("SMORE", method="smore")
PLAIN = (BICUBIC, ZIP, SMORE)
FAST, BASE = "fast", "base"
SHARES = (0.5, 0.25)
_TITLES = {name: METHODS[name].title for name in ("sr3", "score_mri", "mc_ddpm")}
# What was published without data consistency is run without: the product's projection would be another system.
_AS_PUBLISHED = {"sr3": {"sampler": "ancestral", "project": False}}
_FEW = {METHODS[name].sampler: METHODS[name] for name in ("ddim", "dpm_solver")}


@dataclass(frozen=True)
class Scale:
    """How many steps stand for the whole way.

    Attributes:
        full: T of SR3, ScoreMRI and MC-DDPM; the paper has 100, 2000 and 2000.
        few: T of Table V; the paper has 20.
        smore: optimiser steps of SMORE on each scan.

    Of fewer than four steps the quarters could not be told apart.
    """

    full: int = 100
    few: int = 20
    smore: int = 400

    def part(self, share: float) -> int:
        """K for a share of T."""
        return max(1, round(share * self.full))

    def few_steps(self) -> list[int]:
        """The step counts of Table V: T and three, two and one quarter of it, most first."""
        return sorted({max(1, self.few * quarters // 4) for quarters in (1, 2, 3, 4)}, reverse=True)


def full(system: str, scale: Scale) -> Contender:
    """A diffusion system over the whole range, from noise alone."""
    return _diffusion(f"{_TITLES[system]}, T = {scale.full}", system, system, scale.full)


def partial(system: str, share: float, scale: Scale) -> Contender:
    """The same network started at K from the noised low-resolution image, without alignment."""
    steps = scale.part(share)
    return _diffusion(f"{_TITLES[system]} + PDM, K = {steps} of {scale.full}", system, system, steps, start=steps / scale.full)


def trained(system: str, alignment: str, share: float, scale: Scale) -> Contender:
    """A network trained for t up to K alone, with an alignment or without.

    Args:
        system: name in the registry.
        alignment: "none", "linear" or "cosine".
        share: K as a share of T.
        scale: T.
    """
    steps = scale.part(share)
    name = f"{_TITLES[system]} + PDM, trained to K = {steps} of {scale.full}, alignment {alignment}"
    return _diffusion(name, system, f"{system}_{alignment}_k{round(100 * share)}", steps)


def ours(model: str, rule: Rule, scale: Scale, sampler: str = "ancestral", steps: int | None = None) -> Contender:
    """The residual parameterisation, K = a quarter of T, without the product's projection: comparable with SR3's.

    Args:
        model: "pdm" (cosine alignment) or "pdm_linear".
        rule: of the alignment.
        scale: T.
        sampler: see `SuperResolutionOptions`.
        steps: network evaluations; None for K.
    """
    alignment = {"pdm": "cosine", "pdm_linear": "linear"}[model]
    count = scale.part(0.25) if steps is None else steps
    label = f"PDM (residual), {sampler}, {count} of K = {scale.part(0.25)}, alignment {alignment}, rule {rule}"
    return Contender(label, model, options={"sampler": sampler, "steps": count, "project": False}, rule=rule, system="pdm")


def shipped(model: str, steps: int, samples: int = 1, system: str = "pdm") -> Contender:
    """A model as the product runs it: what was measured stays as measured.

    Args:
        model: name in the zoo.
        steps: network evaluations a sample.
        samples: that are averaged.
        system: name in the registry.
    """
    several = "" if samples == 1 else f"mean of {samples} x "
    return Contender(f"{model}, {several}{steps} NFE", model, options={"steps": steps, "samples": samples}, system=system)


def table_ii(scale: Scale) -> list[Contender]:
    """Every system at its own step count."""
    regressions = [
        Contender(title, f"{name}_x{{factor}}", options={"project": False}, system=name)
        for title, name in (("EDSR", "edsr"), ("SwinIR", "swinir"), ("SRGAN", "srgan"))
    ]
    diffusion = [contender for system in _TITLES for contender in _of_system(system, scale)]
    projected = _diffusion(f"SR3, T = {scale.full}, projected", "sr3", "sr3", scale.full, project=True)
    in_parts = METHODS["score_mri_complex"]
    two_channels = Contender(
        f"{in_parts.title}, T = {scale.full}", in_parts.name, options={"steps": scale.full}, system=in_parts.name
    )
    names = {"ResShift": "res_shift", "InDI": "indi", "flow matching": "flow_matching"}
    rivals = [Contender(title, name, system=name) for title, name in names.items()]
    return [*PLAIN, *regressions, *diffusion, two_channels, projected, *rivals, *_of_ours(scale)]


def table_v(scale: Scale) -> list[Contender]:
    """Few steps: over the whole range and from K on, without alignment and with it where a model was trained to that K."""
    contenders = []
    for sampler in _FEW:
        contenders += [few(sampler, steps, None, scale) for steps in scale.few_steps()]
        contenders += [few(sampler, steps, "none", scale) for steps in scale.few_steps()[1:]]
        for share in SHARES:
            contenders += [few_trained(sampler, share, alignment, scale) for alignment in ("none", "cosine")]
        contenders.append(ours("pdm", "consistent", scale, sampler, max(1, scale.few // 4)))
    contenders.append(_fast(f"DDIM on the residual, T = {scale.few}", "pdm_full", "ddim", scale.few))
    for steps in scale.few_steps():
        contenders.append(_fast(f"consistency, T = {steps}", "consistency_full", "consistency", steps))
    for steps in sorted({1, 2, max(1, scale.few // 4)}):
        contenders.append(_fast(f"consistency of PDM, {steps} of K = a quarter of T", "consistency", "consistency", steps))
    return contenders


def few(sampler: str, steps: int, start: str | None, scale: Scale) -> Contender:
    """SR3's network with a fast sampler: all of T in `steps`, or only the last `steps` of T.

    Args:
        sampler: of DDIM or DPM-Solver++; see `METHODS`.
        steps: network evaluations.
        start: None for all of T; "none", an alignment, for the last `steps` of T.
        scale: T.
    """
    if start is None:
        return _fast(f"{_FEW[sampler].title}, T = {steps}", "sr3", sampler, steps)
    label = f"{_FEW[sampler].title} + PDM, K = {steps} of {scale.few}"
    return _fast(label, "sr3", sampler, steps, start=steps / scale.few)


def few_trained(sampler: str, share: float, alignment: str, scale: Scale) -> Contender:
    """The same by a network that was trained for t up to K.

    Args:
        sampler: of DDIM or DPM-Solver++; see `METHODS`.
        share: K as a share of T.
        alignment: "none" or "cosine".
        scale: T.
    """
    steps = max(1, round(share * scale.few))
    label = f"{_FEW[sampler].title} + PDM, trained to K = {steps} of {scale.few}, alignment {alignment}"
    return _fast(label, f"sr3_{alignment}_k{round(100 * share)}", sampler, steps)


def table_vi(scale: Scale) -> list[Contender]:
    """One network a system at rising step counts, for the time; none starts late, for a step costs the same anywhere."""
    counts = sorted({max(1, round(share * scale.full)) for share in (0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0)})
    contenders = [
        _diffusion(f"{_TITLES[system]}, {steps} steps", system, system, steps) for system in _TITLES for steps in counts
    ]
    return contenders + [shipped(FAST, steps) for steps in counts]


def table_vii(scale: Scale) -> list[Contender]:
    """Latent alignment: none, linear, cosine at both K, and both rules where the network allows both.

    An epsilon network cannot walk by the consistent rule: its estimate divides by a_t, which is 0 at K (SCIENCE §0.4).
    """
    contenders = [trained("sr3", alignment, share, scale) for share in SHARES for alignment in ("none", "linear", "cosine")]
    rules: tuple[Rule, ...] = ("paper", "consistent")
    return contenders + [ours(model, rule, scale) for model in ("pdm_linear", "pdm") for rule in rules]


def figure_10(scale: Scale) -> list[Contender]:
    """Quality against K at one step a unit of t, and against the steps at the K that a network was trained for."""
    against_k = [partial("sr3", share, scale) for share in (0.1, 0.25, 0.5, 0.75)] + [full("sr3", scale)]
    return against_k + [shipped("pdm", steps) for steps in _counts(scale)] + [shipped(FAST, n) for n in _counts(scale)]


def panels(scale: Scale) -> dict[str, list[Contender]]:
    """The image panels like the paper's Fig. 4, 8 and 9: which contenders each shows."""
    few_counts = (scale.few_steps()[0], scale.few_steps()[-1])
    quick = [few(sampler, steps, None, scale) for sampler in _FEW for steps in few_counts]
    quick += [few(sampler, few_counts[-1], "none", scale) for sampler in _FEW]
    eighth = [*quick, ours("pdm", "consistent", scale, "ddim", max(1, scale.few // 4))]
    return {"figure_4": table_ii(scale), "figure_8": eighth, "figure_9": table_vii(scale)}


def _of_system(system: str, scale: Scale) -> list[Contender]:
    aligned = SHARES if system == "sr3" else (0.25,)
    return [
        full(system, scale),
        *(partial(system, share, scale) for share in SHARES),
        *(trained(system, "cosine", share, scale) for share in aligned),
    ]


def _of_ours(scale: Scale) -> list[Contender]:
    same_size = [
        ours("pdm", "consistent", scale),
        shipped("pdm", 1),
        shipped("pdm", 3),
        shipped("consistency", 1, system="consistency"),
    ]
    bundled = [shipped(FAST, 1), shipped(FAST, 3), shipped(FAST, 3, samples=4), shipped(BASE, 1)]
    return [*same_size, shipped("pdm", 3, samples=4), *bundled]


def _diffusion(label: str, system: str, model: str, steps: int, **options: Any) -> Contender:
    published = _AS_PUBLISHED.get(system, {})
    return Contender(label, model, options={**published, "steps": steps, **options}, system=system)


def _fast(label: str, model: str, sampler: str, steps: int, **options: Any) -> Contender:
    """By a fast sampler, which the system has its name from."""
    common = {"sampler": sampler, "steps": steps, "project": False}
    return Contender(label, model, options={**common, **options}, system=_FEW[sampler].name if sampler in _FEW else sampler)


def _counts(scale: Scale) -> list[int]:
    return sorted({steps for steps in (1, 2, 3, 5, 8, 15, 25) if steps <= scale.part(0.25)})

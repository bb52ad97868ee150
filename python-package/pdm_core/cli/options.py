"""The options of a run as arguments of a command."""

from __future__ import annotations

import argparse
from typing import Any

from pdm_core.pipeline.options import SuperResolutionOptions

ADAPT_STEPS = 200


def add_option_arguments(parser: argparse.ArgumentParser) -> None:
    """One argument for each field of `SuperResolutionOptions`."""
    defaults = SuperResolutionOptions()
    parser.add_argument("--mode", default=defaults.mode, help="in-plane (default), through-plane or isotropic (both)")
    parser.add_argument("--factor", type=float, help="how many times finer (default 2; slices: until they are as the pixels)")
    parser.add_argument("--thickness", type=float, metavar="MM", help="slice thickness (default: what the headers say)")
    parser.add_argument("--profile", default=defaults.profile, help="across a slice: gaussian, box, or sinc (3-D scans)")
    parser.add_argument(
        "--thickness-matching",
        default=defaults.thickness_matching,
        help="average planes across the slices for the network: none (default), residual or average",
    )
    parser.add_argument("--model", default=defaults.model, help="name of a model; see pdm-sr models list")
    parser.add_argument("--steps", type=int, help="network evaluations a sample (default: the model's)")
    parser.add_argument("--start", type=float, help="K/T where sampling starts, for models without latent alignment")
    parser.add_argument("--samples", type=int, default=defaults.samples, help="samples to average (default 1)")
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--sampler", default=defaults.sampler, help="auto, ddim, ancestral, dpm++1, dpm++2m, consistency, pc")
    parser.add_argument("--eta", type=_eta, default=defaults.eta, help="renewed noise of ddim, 0 to 1, or full")
    parser.add_argument("--grid", default=defaults.grid, help="times of a chosen sampler: uniform, quadratic or logsnr")
    parser.add_argument("--align", default=defaults.align, help="index0 (first voxel stays) or fov (outer box stays)")
    parser.add_argument("--device", default=defaults.device, help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--precision", default=defaults.precision, help="auto, or float32 also where bfloat16 is quicker")
    parser.add_argument("--batch", type=int, help="slices at a time (default: what fits)")
    parser.add_argument(
        "--adapt",
        type=int,
        nargs="?",
        const=ADAPT_STEPS,
        default=defaults.adapt,
        metavar="STEPS",
        help=f"between slices: first fine-tune the model on the volume itself (minutes; {ADAPT_STEPS} steps unless said)",
    )
    parser.add_argument("--no-project", action="store_true", help="do not keep the measured frequencies as measured")
    parser.add_argument("--pad", action="store_true", help="reflect the borders: for images cropped after the scan")


def options_from(arguments: argparse.Namespace) -> SuperResolutionOptions:
    """The options that the arguments stand for."""
    factor = arguments.factor
    if factor is None and arguments.mode == "in-plane":
        factor = SuperResolutionOptions.factor
    return SuperResolutionOptions(
        mode=arguments.mode,
        factor=factor,
        thickness_mm=arguments.thickness,
        profile=arguments.profile,
        thickness_matching=arguments.thickness_matching,
        model=arguments.model,
        sampler=arguments.sampler,
        steps=arguments.steps,
        start=arguments.start,
        samples=arguments.samples,
        seed=arguments.seed,
        device=arguments.device,
        precision=arguments.precision,
        project=not arguments.no_project,
        pad=arguments.pad,
        align=arguments.align,
        eta=arguments.eta,
        grid=arguments.grid,
        batch=arguments.batch,
        adapt=arguments.adapt,
    )


def _eta(text: str) -> Any:
    try:
        return text if text == "full" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number from 0 to 1 nor full") from None

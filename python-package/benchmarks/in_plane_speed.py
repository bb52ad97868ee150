"""Our loop against bare forward passes, MONAI's DiffusionInferer and diffusers' DDIM, with the same network, in one run.

    python benchmarks/in_plane_speed.py --model fast --steps 3 --slices 20 --repeats 3

The volume holds slices of 160 x 160 that become 320 x 320. Each contender runs `repeats` times in turn; the table gives
medians, and ratios to the bare forward passes of the same round, which a drifting machine cannot distort. The network sees a
few pixels of the opposite border beyond each border: what these cost stands in a row of its own. All compute in float32; ours
lets the network see its images channels last, which others leave to their users. The last line is steadier:
the time that our runs spend outside of the network, as a share of that within.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import numpy as np
import torch

from pdm_core import SuperResolutionOptions, Volume, find_model, super_resolve
from pdm_core.diffusion.denoisers import conditioning
from pdm_core.diffusion.periodic import MARGIN
from pdm_core.networks.unet import UNet
from pdm_core.zoo import load_model

LOW, FACTOR = 160, 2.0
OURS = "pdm_core.super_resolve"


def main() -> None:
    arguments = parse_arguments()
    contenders = make_contenders(arguments)
    rounds: dict[str, list[float]] = {name: [] for name in contenders}
    outside: list[float] = []
    for _ in range(arguments.repeats):
        for name, work in contenders.items():
            start = time.perf_counter()
            with torch.inference_mode(), timed_network() as passes:
                work()
            rounds[name].append(time.perf_counter() - start)
            if name == OURS:
                outside.append(rounds[name][-1] / sum(passes) - 1.0)
    report(arguments, rounds)
    shares = sorted(100.0 * share for share in outside)
    spread = f"{statistics.median(shares):.1f} % ({shares[0]:.1f} to {shares[-1]:.1f})"
    print(f"outside of the network: {spread} of the time within")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--slices", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    return arguments


def make_contenders(arguments: argparse.Namespace) -> dict[str, Callable[[], object]]:
    """The same number of passes of the same network through each loop."""
    random = np.random.default_rng(0)
    volume = Volume(random.random((arguments.slices, LOW, LOW)), np.diag([1.25, 1.25, 3.0, 1.0]))
    own = {"device": "cpu", "precision": "float32", "batch": 1}
    options = SuperResolutionOptions(model=arguments.model, steps=arguments.steps, factor=FACTOR, **own)
    network = load_model(find_model(arguments.model)).network
    high = round(LOW * FACTOR)
    image = torch.randn(1, 3, high, high)
    scalars = conditioning(0.5, FACTOR, image)

    wide = torch.randn(1, 3, high + 2 * MARGIN, high + 2 * MARGIN)

    def passes(over: torch.Tensor) -> None:
        for _ in range(arguments.slices * arguments.steps):
            network(over, scalars)

    return {
        "bare forward passes": lambda: passes(image),
        "bare, with the pixels beyond the borders": lambda: passes(wide),
        OURS: lambda: super_resolve(volume, options),
        "MONAI DiffusionInferer": lambda: by_monai(network, image, scalars, arguments),
        "diffusers DDIMScheduler": lambda: by_diffusers(network, image, scalars, arguments),
    }


@contextmanager
def timed_network() -> Iterator[list[float]]:
    """Seconds of each pass of a network within the block."""
    passes: list[float] = []
    begun: list[float] = []
    hooks = torch.nn.modules.module
    before = hooks.register_module_forward_pre_hook(
        lambda module, _: begun.append(time.perf_counter()) if isinstance(module, UNet) else None
    )
    after = hooks.register_module_forward_hook(
        lambda module, *_: passes.append(time.perf_counter() - begun.pop()) if isinstance(module, UNet) else None
    )
    try:
        yield passes
    finally:
        before.remove()
        after.remove()


def by_monai(network: torch.nn.Module, image: torch.Tensor, scalars: torch.Tensor, arguments: argparse.Namespace) -> None:
    from monai.inferers import DiffusionInferer
    from monai.networks.schedulers import DDIMScheduler

    class Adapter(torch.nn.Module):
        def forward(self, x: torch.Tensor, timesteps: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
            return network(x, scalars)

    scheduler = DDIMScheduler(num_train_timesteps=1000)
    scheduler.set_timesteps(arguments.steps)
    for _ in range(arguments.slices):
        DiffusionInferer(scheduler).sample(
            input_noise=image[:, :1],
            diffusion_model=Adapter(),
            scheduler=scheduler,
            conditioning=image[:, 1:],
            mode="concat",
            verbose=False,
        )


def by_diffusers(network: torch.nn.Module, image: torch.Tensor, scalars: torch.Tensor, arguments: argparse.Namespace) -> None:
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(num_train_timesteps=1000)
    for _ in range(arguments.slices):
        scheduler.set_timesteps(arguments.steps)
        x = image[:, :1]
        for moment in scheduler.timesteps:
            x = scheduler.step(network(torch.cat((x, image[:, 1:]), dim=1), scalars), moment, x).prev_sample


def report(arguments: argparse.Namespace, rounds: dict[str, list[float]]) -> None:
    passes = arguments.slices * arguments.steps
    print(f"{date.today()}, {platform.system()} {platform.machine()}, torch {torch.__version__}, {arguments.threads} threads")
    print(f"model {arguments.model}: {arguments.slices} slices of 320 x 320, {arguments.steps} steps, {passes} passes each\n")
    print("| contender | median s | ratio to bare passes, median (least to greatest) |\n|---|---|---|")
    bare = rounds["bare forward passes"]
    for name, seconds in rounds.items():
        ratios = sorted(mine / theirs for mine, theirs in zip(seconds, bare, strict=True))
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"| {name} | {statistics.median(seconds):.1f} | {spread} |")
    print(f"\npeak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()

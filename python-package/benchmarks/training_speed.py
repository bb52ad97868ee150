"""Training: how fast batches are drawn against the network, whether the optimiser waits for them, what a second process gives.

    python benchmarks/training_speed.py --recipe fast --steps 20 --rounds 5 [--data DATASET]

Every round trains in one process with one thread, in one with two, in two with one thread each, and in one with one thread by
`precision: bfloat16`, every time in fresh processes that `torchrun` starts. Each of them draws batches alone, steps on batches
in memory alone, and then steps on batches as they are drawn. All ratios are between numbers of one round, which a drifting
machine cannot distort. Without a prepared dataset the slices are made up.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import date
from functools import partial
from pathlib import Path

import torch

from pdm_core.diffusion.denoisers import build_denoiser
from pdm_core.networks import build_network
from pdm_core.training import load_recipe
from pdm_core.training.batches import BatchStream, PairBatch, draw_batch
from pdm_core.training.checkpoint import TrainingState
from pdm_core.training.dataset import Dataset, prepare
from pdm_core.training.loss import denoising_loss
from pdm_core.training.pairs import PairSampler, residual_spread
from pdm_core.training.step import Stepper
from pdm_core.training.team import Team, team_on

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "synthetic_studies.py"
STUDIES, SIZE, SLICES = 8, 320, 8
# Processes, threads of each, and precision.
TEAMS = ((1, 1, ""), (1, 2, ""), (2, 1, ""), (1, 1, "bfloat16"))
IN_MEMORY, WARM_UP = 4, 2

Round = dict[str, float]


def main() -> None:
    arguments = parse_arguments()
    if arguments.member:
        work_as_member(arguments)
        return
    rounds: dict[tuple[int, int, str], list[Round]] = {team: [] for team in TEAMS}
    with a_dataset(arguments) as folder:
        for _ in range(arguments.rounds):
            for team in TEAMS:
                rounds[team].append(measured(arguments, folder, *team))
    report(arguments, rounds)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--data", type=Path, help="prepared dataset (default: made-up slices of 320 x 320)")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--member", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--precision", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


@contextmanager
def a_dataset(arguments: argparse.Namespace) -> Iterator[Path]:
    """The folder of the dataset that was given, or of one that is made for this run."""
    if arguments.data is not None:
        yield arguments.data
        return
    spec = importlib.util.spec_from_file_location("synthetic_studies", EXAMPLE)
    studies = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(studies)
    with tempfile.TemporaryDirectory() as name:
        studies.write_tree(Path(name) / "studies", STUDIES, size=SIZE, slices=SLICES)
        prepare(Path(name) / "studies", Path(name) / "dataset")
        yield Path(name) / "dataset"


def measured(arguments: argparse.Namespace, folder: Path, processes: int, threads: int, precision: str) -> Round:
    """What a team of fresh processes measures."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    member = [__file__, "--member", "--threads", str(threads), "--data", str(folder)]
    settings = ["--recipe", arguments.recipe, "--steps", str(arguments.steps), "--precision", precision]
    done = subprocess.run([sys.executable, *torchrun, *member, *settings], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def work_as_member(arguments: argparse.Namespace) -> None:
    """Measure as one process of a team; its leader prints seconds a step as JSON."""
    torch.set_num_threads(arguments.threads)
    with team_on(torch.device("cpu")) as team:
        stepper, draw = a_run(arguments, team)
        batches = [draw(step) for step in range(IN_MEMORY)]
        for batch in batches[:WARM_UP]:
            stepper.step(batch)
        result = {
            "drawing": drawing_alone(draw, arguments.steps, team),
            "network": network_alone(stepper, batches, arguments.steps, team),
            **together(stepper, draw, arguments.steps, team),
        }
        if team.leads:
            print(json.dumps(result))


def a_run(arguments: argparse.Namespace, team: Team) -> tuple[Stepper, Callable[[int], PairBatch]]:
    """What steps and what draws, as a training has them."""
    recipe = load_recipe(arguments.recipe)
    training = Dataset.open(arguments.data).stacks("train")
    torch.manual_seed(recipe.seed)
    network = build_network(recipe.network).to(memory_format=torch.channels_last)
    average = deepcopy(network).requires_grad_(False)
    state = TrainingState(network, average, torch.optim.Adam(network.parameters()))
    spread = residual_spread(training, recipe.factors)
    denoiser = build_denoiser(network, recipe.bridge, recipe.parameterization, spread)
    denoiser.precision = arguments.precision
    sampler = PairSampler(training, recipe.factors, recipe.crop, recipe.bandwidth_share)
    draw = partial(draw_batch, sampler, recipe, rank=team.rank, size=team.size)

    def objective(batch: PairBatch) -> torch.Tensor:
        return denoising_loss(denoiser, batch.pairs, batch.times, batch.noise, recipe.loss)

    return Stepper(recipe, state, objective, team, print), draw


def drawing_alone(draw: Callable[[int], PairBatch], steps: int, team: Team) -> float:
    team.wait()
    start = time.perf_counter()
    with BatchStream(draw, 0) as stream:
        for _ in range(steps):
            stream.take()
        team.wait()
        return (time.perf_counter() - start) / steps


def network_alone(stepper: Stepper, batches: list[PairBatch], steps: int, team: Team) -> float:
    team.wait()
    start = time.perf_counter()
    for step in range(steps):
        stepper.step(batches[step % len(batches)])
    return (time.perf_counter() - start) / steps


def together(stepper: Stepper, draw: Callable[[int], PairBatch], steps: int, team: Team) -> Round:
    """Seconds a step of a real loop, and how many of them it waits for its batch."""
    waited = 0.0
    with BatchStream(draw, 0) as stream:
        for _ in range(WARM_UP):
            stepper.step(stream.take())
        team.wait()
        start = time.perf_counter()
        for _ in range(steps):
            asked = time.perf_counter()
            batch = stream.take()
            waited += time.perf_counter() - asked
            stepper.step(batch)
        return {"loop": (time.perf_counter() - start) / steps, "waiting": waited / steps}


def report(arguments: argparse.Namespace, rounds: dict[tuple[int, int, str], list[Round]]) -> None:
    data = "made-up slices of 320 x 320" if arguments.data is None else arguments.data.name
    batch = load_recipe(arguments.recipe).batch
    print(f"{date.today()}, {platform.system()} {platform.machine()}, torch {torch.__version__}, CPU")
    print(
        f"recipe {arguments.recipe}, {data}; {arguments.rounds} rounds of {arguments.steps} steps, median (least to greatest)"
    )
    print("\n| processes x threads | crops/s | drawing to network | loop to network, % | optimiser busy, % | pace to 1 x 1 |")
    print("|---|---|---|---|---|---|")
    alone = [result["loop"] for result in rounds[TEAMS[0]]]
    for (processes, threads, precision), results in rounds.items():
        cells = (
            spread([batch / result["loop"] for result in results], "{:.1f}"),
            spread([result["network"] / result["drawing"] for result in results], "{:.1f}"),
            spread([100 * result["network"] / result["loop"] for result in results], "{:.0f}"),
            spread([100 * (1 - result["waiting"] / result["loop"]) for result in results], "{:.1f}"),
            spread([first / result["loop"] for first, result in zip(alone, results, strict=True)], "{:.2f}"),
        )
        print(f"| {processes} x {threads}{precision and f', {precision}'} | {' | '.join(cells)} |")


def spread(values: list[float], form: str) -> str:
    median, least, greatest = (form.format(value) for value in (statistics.median(values), min(values), max(values)))
    return f"{median} ({least} to {greatest})"


if __name__ == "__main__":
    main()

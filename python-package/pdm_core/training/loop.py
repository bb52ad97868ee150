"""The training loop: one process, resumable, repeatable for a seed."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from pdm_core.diffusion.denoiser import EpsilonDenoiser, ResidualDenoiser, build_denoiser
from pdm_core.errors import CancelledError, InputError, PdmError
from pdm_core.networks import build_network
from pdm_core.progress import CancelCheck, Progress, ProgressCallback
from pdm_core.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from pdm_core.training.dataset import Dataset
from pdm_core.training.loss import denoising_loss, draw_times, learning_rate_scale
from pdm_core.training.pairs import Pairs, PairSampler, residual_spread
from pdm_core.training.recipe import Recipe
from pdm_core.training.slices import SliceStack
from pdm_core.training.validation import validate

CHECKPOINT = "checkpoint.pt"
HISTORY = "history.json"


def train(
    recipe: Recipe,
    run_folder: Path,
    *,
    dataset: Dataset,
    device: str = "cpu",
    resume: bool = True,
    max_minutes: float | None = None,
    compiled: bool = False,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
) -> Path:
    """Train the model of `recipe` and leave its checkpoint and history in `run_folder`.

    Args:
        recipe: decides the run, all random numbers included.
        run_folder: made when missing; a checkpoint in it is continued.
        dataset: prepared; its checksums are compared first.
        device: torch device; on CUDA the network runs in bfloat16 autocast.
        resume: False refuses to continue a run that is already there.
        max_minutes: stop with a checkpoint after that time; a later call goes on from there.
        compiled: fuse the network with `torch.compile`, which needs a C++ compiler; about a quarter faster on a CPU, not bit
            for bit what the uncompiled run gives.
        progress: receives the steps with an ETA.
        cancel: checked at every step; the checkpoint is written before the run stops.

    Returns:
        The checkpoint.

    Raises:
        InputError: bad recipe, data or run folder.
        CancelledError: the caller asked to stop.
        PdmError: the loss became NaN; the last good checkpoint stays.
    """
    checkpoint = run_folder / CHECKPOINT
    if checkpoint.exists() and not resume:
        raise InputError(f"{run_folder} already holds a run.", "Resume it, or choose another folder.")
    run_folder.mkdir(parents=True, exist_ok=True)
    target = torch.device(device)
    dataset.verify()
    training = dataset.stacks("train", recipe.data)
    validation = dataset.stacks("val", recipe.data)
    spread = residual_spread(training, recipe.factors)
    state = _fresh_state(recipe, target)
    if checkpoint.exists():
        load_checkpoint(state, recipe.as_dict(), checkpoint)
    meter = Progress(f"training {recipe.name}", recipe.iterations, progress, cancel, done=state.step)
    run = _Run(recipe, state, spread, training, validation, target, run_folder, compiled)
    deadline = None if max_minutes is None else time.monotonic() + 60.0 * max_minutes
    try:
        while state.step < recipe.iterations and (deadline is None or time.monotonic() < deadline):
            run.step()
            meter.advance()
    except (CancelledError, KeyboardInterrupt):
        run.save()
        raise CancelledError("Training was stopped.", f"Run it again to go on from step {state.step}.") from None
    run.save()
    return checkpoint


def finished(recipe: Recipe, run_folder: Path) -> bool:
    """Whether the run in `run_folder` has reached the last iteration of its recipe."""
    history = run_folder / HISTORY
    return history.exists() and bool(json.loads(history.read_text(encoding="utf-8"))[-1]["step"] >= recipe.iterations)


def trained_denoiser(recipe: Recipe, run_folder: Path, dataset: Dataset) -> ResidualDenoiser | EpsilonDenoiser:
    """The averaged weights of the checkpoint in `run_folder`, ready to sample from or to export."""
    state = _fresh_state(recipe, torch.device("cpu"))
    load_checkpoint(state, recipe.as_dict(), run_folder / CHECKPOINT)
    spread = residual_spread(dataset.stacks("train", recipe.data), recipe.factors)
    return build_denoiser(state.average, recipe.bridge, recipe.parameterization, spread).eval()


def _fresh_state(recipe: Recipe, device: torch.device) -> TrainingState:
    torch.manual_seed(recipe.seed)
    network = build_network(recipe.network).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = deepcopy(network).requires_grad_(False)
    return TrainingState(network, average, torch.optim.Adam(network.parameters(), lr=recipe.learning_rate))


class _Run:
    """One run in progress: what a step needs, bound together."""

    def __init__(
        self,
        recipe: Recipe,
        state: TrainingState,
        spread: Sequence[tuple[float, float]],
        training: Sequence[SliceStack],
        validation: Sequence[SliceStack],
        device: torch.device,
        folder: Path,
        compiled: bool,
    ) -> None:
        self.recipe, self.state, self.device, self.folder = recipe, state, device, folder
        self.validation = validation
        self.sampler = PairSampler(training, recipe.factors, recipe.crop, recipe.bandwidth_share)
        network = cast(torch.nn.Module, torch.compile(state.network)) if compiled else state.network
        self.denoiser = build_denoiser(network, recipe.bridge, recipe.parameterization, spread)
        self.averaged = build_denoiser(state.average, recipe.bridge, recipe.parameterization, spread).eval()
        self.losses: list[torch.Tensor] = []

    def step(self) -> None:
        """One optimiser step; every `validate_every` steps also validation, history and checkpoint."""
        recipe, state = self.recipe, self.state
        loss = self._loss()
        for group in state.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * learning_rate_scale(state.step, recipe.warmup, recipe.iterations)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
        state.optimizer.step()
        state.update_average(recipe.ema)
        state.step += 1
        self.losses.append(loss.detach())
        if state.step % recipe.validate_every == 0 or state.step == recipe.iterations:
            self._record()
            self.save()

    def save(self) -> None:
        """Write the checkpoint."""
        save_checkpoint(self.state, self.recipe.as_dict(), self.folder / CHECKPOINT)

    def _loss(self) -> torch.Tensor:
        recipe, state = self.recipe, self.state
        # Seed and step decide the draw: a resumed run sees what an unbroken one would have seen.
        random = np.random.default_rng((recipe.seed, state.step))
        drawn = self.sampler.draw(recipe.batch, random)
        pairs = Pairs(drawn.x_hr.to(self.device), drawn.x_lr.to(self.device), drawn.factor)
        times = draw_times(recipe.batch, recipe.start_share, random)
        noise = torch.from_numpy(random.standard_normal(drawn.x_hr.shape, dtype=np.float32)).to(self.device)
        return denoising_loss(self.denoiser, pairs, times, noise, recipe.loss)

    def _record(self) -> None:
        loss = float(torch.stack(self.losses).mean())
        self.losses.clear()
        if not np.isfinite(loss):
            raise PdmError(
                f"The loss became {loss} before step {self.state.step}.",
                "The last checkpoint is good: lower the learning rate in the recipe.",
            )
        record: dict[str, Any] = {"step": self.state.step, "loss": loss}
        record.update(validate(self.averaged, self.validation, self.device))
        self.state.history.append(record)
        temporary = self.folder / f"{HISTORY}.part"
        temporary.write_text(json.dumps(self.state.history, indent=1), encoding="utf-8")
        temporary.replace(self.folder / HISTORY)

"""The training loop: resumable at any moment, repeatable for a seed, the same for any number of processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from pdm_core.atomic import write_text
from pdm_core.diffusion.denoisers import NetworkDenoiser, build_denoiser
from pdm_core.errors import CancelledError, InputError, PdmError
from pdm_core.progress import CancelCheck, Progress, ProgressCallback
from pdm_core.training.adversarial import AdversarialCourse
from pdm_core.training.batches import BatchStream, drawing_threads
from pdm_core.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from pdm_core.training.course import Course, score, summary
from pdm_core.training.dataset import Dataset
from pdm_core.training.initial import initial_model, initial_network, spread_for
from pdm_core.training.journal import Journal, journal_of
from pdm_core.training.recipe import Recipe
from pdm_core.training.restoration import RestorationCourse
from pdm_core.training.run_lock import alone_in
from pdm_core.training.step import Stepper
from pdm_core.training.team import Team, team_on
from pdm_core.training.zones.course import ZoneCourse
from pdm_core.training.zones.recipe import ZoneRecipe

AnyRecipe = Recipe | ZoneRecipe

CHECKPOINT = "checkpoint.pt"
HISTORY = "history.json"
STATE = "state.json"


@dataclass(frozen=True)
class TrainingLimits:
    """When a run stops and saves, apart from its recipe.

    Attributes:
        minutes: stop with a checkpoint after that time; None goes on to the recipe's end.
        checkpoint_minutes: longest time between two checkpoints.
    """

    minutes: float | None = None
    checkpoint_minutes: float = 10.0


def train(
    recipe: AnyRecipe,
    run_folder: Path,
    *,
    dataset: Dataset,
    device: str = "cpu",
    resume: bool = True,
    limits: TrainingLimits | None = None,
    compiled: bool = False,
    progress: ProgressCallback | None = None,
    warn: Callable[[str], None] = lambda message: None,
    cancel: CancelCheck | None = None,
) -> Path:
    """Train the model of `recipe` and leave its checkpoint, history and curves in `run_folder`.

    Under `torchrun` every process calls this; the batch of the recipe is shared among them.

    Args:
        recipe: decides the run, all random numbers included.
        run_folder: made when missing; a checkpoint in it is continued.
        dataset: prepared; its checksums are compared first.
        device: torch device; on CUDA the network runs in bfloat16 autocast.
        resume: False refuses to continue a run that is already there.
        limits: when to stop and to save.
        compiled: fuse the network with `torch.compile`, which needs a C++ compiler; about a quarter faster on a CPU, not bit
            for bit what the uncompiled run gives.
        progress: receives the steps with an ETA, the loss and the speed.
        warn: hears what the user should know.
        cancel: checked at every step; the checkpoint is written before the run stops.

    Returns:
        The checkpoint.

    Raises:
        InputError: bad recipe, data or run folder, or another process trains in it.
        CancelledError: the caller asked to stop.
        MemoryShortageError: not even one crop at a time fits the memory.
        PdmError: the loss became NaN; the last good checkpoint stays.
    """
    checkpoint = run_folder / CHECKPOINT
    if checkpoint.exists() and not resume:
        raise InputError(f"{run_folder} already holds a run.", "Resume it, or choose another folder.")
    run_folder.mkdir(parents=True, exist_ok=True)
    with team_on(torch.device(device)) as team, alone_in(run_folder, warn) if team.leads else nullcontext():
        if team.leads:
            dataset.verify()
        state = _fresh_state(recipe, team.device)
        if checkpoint.exists():
            load_checkpoint(state, identity_of(recipe, dataset), checkpoint)
        team.wait()
        with _run(recipe, state, dataset, team, run_folder, compiled, warn) as run:
            run.go(limits or TrainingLimits(), progress if team.leads else None, cancel)
    return checkpoint


def finished(recipe: AnyRecipe, run_folder: Path) -> bool:
    """Whether the run in `run_folder` has come to its end: the last iteration of its recipe, or no progress any more."""
    history = run_folder / HISTORY
    if not history.exists():
        return False
    records = json.loads(history.read_text(encoding="utf-8"))
    return bool(records) and (records[-1]["step"] >= recipe.iterations or _stagnates(recipe, records))


def trained_network(recipe: AnyRecipe, run_folder: Path, dataset: Dataset) -> torch.nn.Module:
    """The network with the averaged weights of the best validation of the run in `run_folder`."""
    state = _fresh_state(recipe, torch.device("cpu"))
    load_checkpoint(state, identity_of(recipe, dataset), run_folder / CHECKPOINT)
    state.average.load_state_dict(state.best or state.average.state_dict())
    return state.average.eval()


def trained_denoiser(recipe: Recipe, run_folder: Path, dataset: Dataset) -> NetworkDenoiser:
    """The denoiser with the weights of `trained_network`, ready to sample from or to export."""
    average = trained_network(recipe, run_folder, dataset)
    spread = spread_for(recipe, dataset.stacks("train", recipe.data))
    return build_denoiser(average, recipe.bridge, recipe.parameterization, spread).eval()


def identity_of(recipe: AnyRecipe, dataset: Dataset) -> dict[str, Any]:
    """What a run belongs to, in its checkpoint: all that decides its numbers."""
    initial = initial_model(recipe)
    labels = {"labels": dataset.label_digest} if isinstance(recipe, ZoneRecipe) else {}
    begin = {"initial_sha256": None if initial is None else initial.sha256}
    return {**recipe.as_dict(), "dataset": dataset.digest, **labels, **begin}


def _fresh_state(recipe: AnyRecipe, device: torch.device) -> TrainingState:
    network = initial_network(recipe, device)
    average = deepcopy(network).requires_grad_(False)
    return TrainingState(network, average, torch.optim.Adam(network.parameters(), lr=recipe.learning_rate))


def _stagnates(recipe: AnyRecipe, history: list[dict[str, Any]]) -> bool:
    """Whether the last `patience` validations have not been better than the best before them."""
    scores = [score(record) for record in history]
    return 0 < recipe.patience < len(scores) and max(scores[-recipe.patience :]) <= max(scores[: -recipe.patience])


@contextmanager
def _run(
    recipe: AnyRecipe,
    state: TrainingState,
    dataset: Dataset,
    team: Team,
    folder: Path,
    compiled: bool,
    warn: Callable[[str], None],
) -> Iterator[_Run]:
    """A run with its course, its stream of batches and its journal."""
    network = cast(torch.nn.Module, torch.compile(state.network)) if compiled else state.network
    heard: Callable[[str], None] = warn if team.leads else lambda message: None
    course = _course(recipe, network, state.average, dataset, team, heard)
    if state.extra:
        course.load_extra_state(state.extra)
    stepper = Stepper(recipe, state, course.loss, team, heard, course.prepare)
    stream = BatchStream(course.draw, state.step, drawing_threads(team.device))
    with stream as batches, journal_of(team, recipe.name, folder, state, warn) as journal:
        yield _Run(recipe, state, course, dataset, team, folder, stepper, batches, journal)


def _course(
    recipe: AnyRecipe,
    network: torch.nn.Module,
    average: torch.nn.Module,
    dataset: Dataset,
    team: Team,
    warn: Callable[[str], None],
) -> Course:
    if isinstance(recipe, ZoneRecipe):
        return ZoneCourse.of(recipe, network, average, dataset, team)
    if recipe.adversarial > 0.0:
        return AdversarialCourse(RestorationCourse.of(recipe, network, average, dataset, team), warn)
    return RestorationCourse.of(recipe, network, average, dataset, team)


@dataclass
class _Run:
    """One run in progress: what its steps, validations and checkpoints need, bound together."""

    recipe: AnyRecipe
    state: TrainingState
    course: Course
    dataset: Dataset
    team: Team
    folder: Path
    stepper: Stepper
    batches: BatchStream
    journal: Journal | None

    def go(self, limits: TrainingLimits, progress: ProgressCallback | None, cancel: CancelCheck | None) -> None:
        """Step until the recipe's end, a limit, or the caller's wish."""
        recipe, state = self.recipe, self.state
        meter = Progress(f"training {recipe.name}", recipe.iterations, progress, done=state.step)
        begin = saved = time.monotonic()
        first = state.step
        while state.step < recipe.iterations and not _stagnates(recipe, state.history):
            now = time.monotonic()
            cancelled = self.team.any(cancel is not None and cancel())
            if cancelled or self.team.any(limits.minutes is not None and now - begin >= 60.0 * limits.minutes):
                self.save()
                if cancelled:
                    raise CancelledError("Training was stopped.", f"Run it again to go on from step {state.step}.")
                return
            self.stepper.step(self.batches.take())
            meter.advance(note=self._note(first, begin) if progress is not None else "")
            if state.step % recipe.validate_every == 0 or state.step == recipe.iterations:
                self._record()
                saved = time.monotonic()
            elif self.team.any(time.monotonic() - saved >= 60.0 * limits.checkpoint_minutes):
                self.save()
                saved = time.monotonic()
        self.save()

    def save(self) -> None:
        """Write the checkpoint, then the history, and how far the run is for programs that cannot read a checkpoint.

        Raises:
            PdmError: a loss is no number; the checkpoint before stays.
        """
        if self.state.losses:
            self._mean_loss()
        self.state.extra = self.course.extra_state()
        if self.team.leads:
            save_checkpoint(self.state, identity_of(self.recipe, self.dataset), self.folder / CHECKPOINT)
            write_text(self.folder / HISTORY, json.dumps(self.state.history, indent=1))
            far = {"name": self.recipe.name, "step": self.state.step, "of": self.recipe.iterations}
            write_text(self.folder / STATE, json.dumps(far))
        self.team.wait()

    def _mean_loss(self) -> float:
        """Mean over the steps since the last validation."""
        loss = float(torch.stack([loss.cpu() for loss in self.state.losses]).mean())
        if not np.isfinite(loss):
            raise PdmError(
                f"The loss became {loss} before step {self.state.step}.",
                "The last checkpoint is good: lower the learning rate in the recipe.",
            )
        return loss

    def _note(self, first: int, begin: float) -> str:
        pace = (self.state.step - first) * self.recipe.batch / max(1e-9, time.monotonic() - begin)
        last = self.state.history[-1] if self.state.history else None
        return f"{pace:.1f} crops/s" + ("" if last is None else f", loss {last['loss']:.4f}, {summary(last)}")

    def _record(self) -> None:
        """Validate, keep the best weights, and write checkpoint, history and journal."""
        state = self.state
        record: dict[str, Any] = {"step": state.step, "loss": self._mean_loss(), **self.course.validate()}
        if self.course.keeps_last or all(score(record) > score(earlier) for earlier in state.history):
            state.best = {name: tensor.detach().clone() for name, tensor in state.average.state_dict().items()}
        state.history.append(record)
        state.losses.clear()
        self.save()
        if self.journal is not None:
            self.journal.write(state.history, self.course.examples())

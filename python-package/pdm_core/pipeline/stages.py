"""The stages of a run: within the slices, between them, or one after the other; each is planned before any work is done."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import torch

from pdm_core.degradation.bandwidth import Bandwidth
from pdm_core.diffusion.bridges import build_bridge
from pdm_core.diffusion.denoisers import NetworkDenoiser, conditioned_on
from pdm_core.diffusion.sampling import SamplingPlan
from pdm_core.diffusion.symmetric import FLIPS, SYMMETRIES
from pdm_core.networks.devices import number_format
from pdm_core.pipeline.complex_values import Values, joined, map_from_nought, parted
from pdm_core.pipeline.devices import default_batch, prepared
from pdm_core.pipeline.grid import InPlaneGrid, finer_pixels
from pdm_core.pipeline.intensity import IntensityMap
from pdm_core.pipeline.lattice import Lattice
from pdm_core.pipeline.matching import ThicknessMatching
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.pipeline.provenance import stage_record
from pdm_core.pipeline.restoration import Restored, Restorer
from pdm_core.pipeline.slices import SliceGrid
from pdm_core.pipeline.suitability import notes_on_pixels, notes_on_samples, notes_on_slices, refuse_unworkable
from pdm_core.pipeline.through_plane import ThroughPlaneRestorer
from pdm_core.progress import Progress, WarningCallback
from pdm_core.volume.volume import FloatArray, Volume
from pdm_core.zoo import ModelCard, load_model


@dataclass(frozen=True)
class StageResult:
    """What a stage gives.

    Attributes:
        volume: restored, intensities as in its input.
        spread: voxel-wise standard deviation over the samples; None for one sample.
        record: for the provenance.
        batch: images a forward pass that fitted in memory.
        phase: of complex data, radians; None of magnitudes.
    """

    volume: Volume
    spread: Volume | None
    record: dict[str, Any]
    batch: int
    phase: Volume | None = None


class Stage(ABC):
    """One restoration of one run.

    Args:
        before: lattice of what it will be given.
        options: of the stage: in-plane or through-plane.
        card: of its model.

    Attributes:
        after: lattice of what it will give.
        plan: how its bridge is walked.
        units: images times steps times samples, for the progress.
        megapixels: pixels that pass through the network, in millions.
        symmetries: by how many flips and transpositions its samples differ.

    Raises:
        InputError: model, options and volume do not fit together.
    """

    after: Lattice
    units: int
    megapixels: float
    symmetries: ClassVar[int]

    def __init__(self, before: Lattice, options: SuperResolutionOptions, card: ModelCard) -> None:
        self.before, self.options, self.card = before, options, card
        self.plan = sampling_plan(options, card)
        self.plan.times(build_bridge(card.bridge))

    def notes(self, bandwidth: Bandwidth) -> Iterator[str]:
        """What the user should know before the work."""
        yield from notes_on_samples(self.card, self.plan, self.options.samples)
        yield from self._own_notes(bandwidth)

    @abstractmethod
    def _own_notes(self, bandwidth: Bandwidth) -> Iterator[str]:
        """What to say of this kind of stage."""

    def run(
        self, volume: Volume, device: torch.device, meter: Progress, warn: WarningCallback, phase: Volume | None = None
    ) -> StageResult:
        """Restore `volume`, which lies on `before`; with its phase it is complex, for a model of complex images."""
        intensity = IntensityMap.of(volume.array) if phase is None else map_from_nought(volume.array)
        unit = intensity.to_unit(volume.array)
        model, adaptation = self._model(unit, device, meter, warn)
        values = unit if phase is None else joined(unit, phase.array)
        runnable = prepared(model, device, number_format(device, self.options.precision))
        restored, geometry = self._restored(values, runnable, device, meter, warn)
        record = stage_record(self.card, self.plan, self.options.samples, self.symmetries, geometry, restored)
        if adaptation:
            record["adaptation"] = adaptation
        if self.card.complex_images:
            record["phase"] = "zero" if phase is None else "given"
        spread = None if restored.spread is None else restored.spread * np.float32(intensity.scale)
        mean, restored_phase = parted(restored.mean)
        return StageResult(
            self._placed(intensity.from_unit(mean)),
            None if spread is None else self._placed(spread),
            record,
            restored.batch,
            None if restored_phase is None else self._placed(restored_phase),
        )

    def _model(
        self, unit: FloatArray, device: torch.device, meter: Progress, warn: WarningCallback
    ) -> tuple[NetworkDenoiser, dict[str, Any]]:
        """The model, and how it was adapted to the volume `unit`, if it was."""
        return load_model(self.card, device), {}

    @abstractmethod
    def _restored(
        self,
        unit: Values,
        denoiser: NetworkDenoiser,
        device: torch.device,
        meter: Progress,
        warn: WarningCallback,
    ) -> tuple[Restored, Mapping[str, Any]]:
        """The restored array, and where it lies for the provenance."""

    def _count(self, images: int, pixels: int) -> None:
        evaluations = self.plan.steps * self.options.samples
        self.units, self.megapixels = images * evaluations, pixels * evaluations / 1e6

    def _placed(self, array: FloatArray) -> Volume:
        return Volume(array, self.after.ijk_to_ras, self.after.metadata)


class InPlaneStage(Stage):
    """The resolution within the slices."""

    symmetries = SYMMETRIES

    def __init__(self, before: Lattice, options: SuperResolutionOptions, card: ModelCard) -> None:
        super().__init__(before, options, card)
        assert options.factor is not None
        self.after = finer_pixels(before, options.factor, options.align)
        refuse_unworkable(before, card, math.prod(self.after.shape) / math.prod(before.shape))
        self._count(before.shape[0], math.prod(self.after.shape))

    def _own_notes(self, bandwidth: Bandwidth) -> Iterator[str]:
        """On the pixels' spacing, and on a scanner's own interpolation."""
        assert self.options.factor is not None
        return notes_on_pixels(self.before, self.card, self.options.factor, bandwidth)

    def _restored(
        self,
        unit: Values,
        denoiser: NetworkDenoiser,
        device: torch.device,
        meter: Progress,
        warn: WarningCallback,
    ) -> tuple[Restored, Mapping[str, Any]]:
        options = self.options
        assert options.factor is not None
        grid = InPlaneGrid.of(unit, options.factor, options.align, options.pad)
        restorer = Restorer(
            denoiser, grid, self.plan, options.samples, options.seed, options.project, device, images=denoiser.images
        )
        batch = options.batch or default_batch(device, math.prod(grid.padded_high), len(unit))
        rows, columns = grid.factors
        geometry: dict[str, Any] = {"factor_rows": rows, "factor_columns": columns}
        geometry |= {"align": grid.align, "margin": list(grid.margin)}
        if self.card.undoes_acquisitions and options.project:
            restorer = restorer.informed(unit, meter)
            geometry["measured_through"] = restorer.grid.acquisition.words
            if not restorer.grid.acquisition.box:
                warn(f"The slices look as if they were measured through {geometry['measured_through']}, which is undone.")
        return restorer.restore(unit, batch, meter, warn), geometry


class ThroughPlaneStage(Stage):
    """The resolution between the slices."""

    symmetries = FLIPS

    def __init__(self, before: Lattice, options: SuperResolutionOptions, card: ModelCard) -> None:
        super().__init__(before, options, card)
        self.grid = SliceGrid.of(before, options)
        self.grid.refuse_unserved(before, card, options)
        self.after = self.grid.finer(before)
        refuse_unworkable(before, card, self.grid.operator.factor)
        self._count(before.shape[1] + before.shape[2], 2 * math.prod(self.after.shape))

    def _own_notes(self, bandwidth: Bandwidth) -> Iterator[str]:
        """On the slices' distance and thickness."""
        return notes_on_slices(self.before, self.card, self.grid)

    def _model(
        self, unit: FloatArray, device: torch.device, meter: Progress, warn: WarningCallback
    ) -> tuple[NetworkDenoiser, dict[str, Any]]:
        model, steps = load_model(self.card, device), self.options.adapt
        if not steps:
            return model, {}
        # Training needs the pipeline to be there first.
        from pdm_core.training.adaptation import OwnRows, adapted

        distance = self.before.spacing[2] / self.grid.operator.factor
        rows = OwnRows(unit, self.grid.operator, distance / self.before.pixel)
        begun = time.monotonic()
        with meter.aside("adapting the model", steps) as aside:
            dtype = number_format(device, self.options.precision)
            model, how = adapted(self.card, model, rows, steps, self.options.seed, device, dtype, aside, warn)
        return model, {**how, "seconds": round(time.monotonic() - begun, 3)}

    def _restored(
        self,
        unit: Values,
        denoiser: NetworkDenoiser,
        device: torch.device,
        meter: Progress,
        warn: WarningCallback,
    ) -> tuple[Restored, Mapping[str, Any]]:
        options, operator = self.options, self.grid.operator
        told = conditioned_on(denoiser, operator.profile.thickness)
        matching = ThicknessMatching.of(options.thickness_matching, self.grid.thickness_mm, self.before)
        restorer = ThroughPlaneRestorer(
            told, operator, self.plan, options.samples, options.seed, options.project, device, matching
        )
        longer = max(unit.shape[1:])
        batch = options.batch or default_batch(device, operator.high * longer, longer)
        geometry = {
            "factor_slices": operator.factor,
            "align": operator.align,
            "profile": operator.profile.kind,
            "thickness_mm": self.grid.thickness_mm,
            "thickness_from": self.grid.thickness_from,
            "thickness_matching": matching.kind,
        }
        # What is complex was refused with the phase.
        return restorer.restore(cast(FloatArray, unit), batch, meter, warn), geometry


def sampling_plan(options: SuperResolutionOptions, card: ModelCard) -> SamplingPlan:
    """The options' sampler, and the card's defaults where the options leave the choice."""
    defaults = card.sampler
    if options.sampler != "auto":
        defaults = {**defaults, "sampler": options.sampler, "eta": options.eta, "grid": options.grid}
    return SamplingPlan(
        sampler=defaults["sampler"],
        steps=options.steps or defaults["steps" if options.samples == 1 else "sample_steps"],
        grid=defaults["grid"],
        eta=defaults["eta"],
        rule=defaults["rule"],
        start=options.start,
    )


STAGES: Mapping[str, Callable[[Lattice, SuperResolutionOptions, ModelCard], Stage]] = {
    "in-plane": InPlaneStage,
    "through-plane": ThroughPlaneStage,
}

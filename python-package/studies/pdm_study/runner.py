"""The study's work: every contender on every case at every factor, unless it was measured before."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pdm_core.degradation.kspace import upsample
from pdm_core.errors import InputError, MissingDependencyError
from pdm_core.evaluation.cases import SliceChoice, reference_volume
from pdm_core.evaluation.in_plane import reduced_volume
from pdm_core.metrics.reliability import reliability
from pdm_core.networks.devices import choose_device, device_name
from pdm_core.progress import Progress, ProgressCallback
from pdm_core.volume import Volume
from pdm_core.volume.identity import volume_sha256
from pdm_study.cache import Cache
from pdm_study.cases import StudyCase
from pdm_study.contenders import Contender
from pdm_study.measures import measured
from pdm_study.prepared import Conditions, PreparedMethod, Restoration, prepared_method
from pdm_study.record import FloatImage, Identity, Record
from pdm_study.results import Measurement, Results, Skipped


@dataclass(frozen=True)
class Job:
    """One contender on one case at one factor; `picture` asks for its chosen slice."""

    contender: Contender
    item: StudyCase
    factor: float
    picture: bool = False


@dataclass(frozen=True)
class Reduced:
    """A case at a factor."""

    reference: Volume
    factor: float

    @cached_property
    def low(self) -> Volume:
        """The reduced volume."""
        return reduced_volume(self.reference, self.factor)

    @cached_property
    def digest(self) -> str:
        """Of the reference, which the reduction follows from."""
        return volume_sha256(self.reference)

    @property
    def chosen(self) -> int:
        """The slice that is shown."""
        return len(self.reference.array) // 2

    def pictures(self) -> tuple[FloatImage, FloatImage]:
        """Reference and zero filling of the chosen slice, (H, W) each."""
        truth: FloatImage = self.reference.array[self.chosen]
        plain: FloatImage = upsample(torch.from_numpy(self.low.array[self.chosen]), truth.shape).numpy()
        return truth, plain


def run_study(
    jobs: Sequence[Job],
    cache: Cache,
    conditions: Conditions,
    slices: SliceChoice = "central",
    *,
    most: int | None = None,
    progress: ProgressCallback | None = None,
) -> Results:
    """Measure what was not measured before.

    Args:
        jobs: what is wanted; the same contender, case and factor twice is one piece of work.
        cache: of what was measured.
        conditions: that all contenders share; its `cancel` is asked between and within restorations.
        slices: of each case.
        most: steps of a contender that was not measured before; those of more are left out, with a line that says so.
            Neither is a contender of more restored again for its picture alone.
        progress: receives finished jobs with an ETA.
    """
    wanted = _merged(jobs)
    meter = Progress("the study", len(wanted), progress, conditions.cancel)
    found: list[Measurement | Skipped] = []
    truths = {}
    for (name, factor), group in _by_case(wanted).items():
        reduced = Reduced(reference_volume(group[0].item.case, slices), factor)
        if any(job.picture for job in group):
            truths[name, factor] = reduced.pictures()
        for job in group:
            found.append(_done(job, reduced, cache, conditions, most))
            meter.advance(note=job.contender.label)
    measurements = [item for item in found if isinstance(item, Measurement)]
    return Results(measurements, [item for item in found if isinstance(item, Skipped)], truths)


def _merged(jobs: Sequence[Job]) -> list[Job]:
    """Each contender, case and factor once, with a picture where anyone wants one."""
    merged: dict[tuple[str, str, float], Job] = {}
    for job in jobs:
        key = (job.contender.label, job.item.case.name, job.factor)
        known = merged.get(key, job)
        merged[key] = Job(job.contender, job.item, job.factor, job.picture or known.picture)
    return list(merged.values())


def _by_case(jobs: Sequence[Job]) -> dict[tuple[str, float], list[Job]]:
    groups: dict[tuple[str, float], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.item.case.name, job.factor), []).append(job)
    return groups


def _done(job: Job, reduced: Reduced, cache: Cache, conditions: Conditions, most: int | None) -> Measurement | Skipped:
    place = (job.contender.label, job.item.case.name, job.item.data_set, job.factor)
    steps = job.contender.options.get("steps") or 0
    allowed = most is None or steps <= most
    try:
        prepared = prepared_method(job.contender, job.factor, conditions)
        what = Identity(prepared.settings, reduced.factor, reduced.digest)
        record, picture = cache.record(what), cache.picture(what) if job.picture else None
        if record is None and not allowed:
            return Skipped(*place, f"Left out: {steps} steps, more than the {most} that were allowed.")
        if record is None or (job.picture and picture is None and allowed):
            record, picture = _measured(prepared, reduced, cache, what, job.picture)
    except (InputError, MissingDependencyError) as error:
        return Skipped(*place, error.message)
    model = job.contender.method or job.contender.model_at(job.factor)
    kept = prepared.settings.get("options", {}).get("project", job.contender.method == "zip")
    return Measurement(*place, record, what, prepared.budget, model, kept, picture)


def _measured(
    prepared: PreparedMethod, reduced: Reduced, cache: Cache, what: Identity, with_picture: bool
) -> tuple[Record, FloatImage | None]:
    """Restore; a record that was there before stays, for its seconds are those of the first time."""
    options = prepared.settings.get("options", {})
    device = choose_device(options.get("device", "cpu"))
    clock, meaning = _clock(device)
    restoration, seconds = _timed(prepared, reduced, clock)
    picture = np.ascontiguousarray(restoration.images[reduced.chosen, 0].numpy())
    if with_picture:
        cache.keep_picture(what, picture)
    if cache.record(what) is None:
        machine = f"{platform.system()}, {device_name(device)}{meaning}"
        cache.keep(what, _recorded(restoration, seconds, reduced, options, machine))
    record = cache.record(what)
    assert record is not None
    return record, picture if with_picture else None


def _clock(device: torch.device) -> tuple[Callable[[], float], str]:
    """CPU time where one thread of a CPU works, which other work hardly lengthens, else wall time; and how records say so."""
    if device.type == "cpu" and torch.get_num_threads() == 1:
        return time.process_time, ", CPU time"
    return time.perf_counter, ""


def _timed(prepared: PreparedMethod, reduced: Reduced, clock: Callable[[], float]) -> tuple[Restoration, float]:
    _, rows, columns = reduced.reference.shape
    low = reduced.low
    begun = clock()
    restoration = prepared.run(low, (rows, columns))
    return restoration, clock() - begun


def _recorded(restoration: Restoration, seconds: float, reduced: Reduced, options: Mapping[str, Any], machine: str) -> Record:
    truth, low = _tensor(reduced.reference), _tensor(reduced.low)
    curve = None
    if restoration.spread is not None:
        image, real, spread = (values.numpy() for values in (restoration.images, truth, restoration.spread))
        curve = reliability(image, real, spread, options["samples"])
    values = measured(restoration.images, truth, low)
    return Record(values, seconds, restoration.evaluations, machine, curve)


def _tensor(volume: Volume) -> Tensor:
    return torch.from_numpy(volume.array)[:, None]

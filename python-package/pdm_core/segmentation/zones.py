"""`find_zones`: a volume in, its zones with volumes, flags and a record out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from pdm_core.networks.devices import choose_device, device_name
from pdm_core.progress import CancelCheck, ProgressCallback, WarningCallback, collecting
from pdm_core.segmentation.field import ZoneField
from pdm_core.segmentation.gland import confidence, with_one_gland
from pdm_core.segmentation.labels import GLAND, ZONES
from pdm_core.segmentation.plausibility import flags_of, volumes_ml
from pdm_core.segmentation.segmenter import Segmenter, find_segmenter
from pdm_core.segmentation.suitability import notes_on, refuse_unworkable
from pdm_core.version import versions
from pdm_core.volume.background import filled, notes_on_padding, with_padding
from pdm_core.volume.identity import volume_record
from pdm_core.volume.volume import FloatArray, Volume

NOTICE = "Derived labels, drawn by a neural network and checked by no one. Research use, not for diagnosis."
# Smaller pieces than this are not worth a word.
_WORTH_SAYING_ML = 0.05
# Where other pieces have this share of the gland's volume, the largest may be the wrong one.
_DOUBTFUL_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Zones:
    """The zones of a prostate.

    Attributes:
        labels: 0 background, 1 peripheral zone, 2 transition zone (central gland), on the grid of the volume.
        field: probabilities where the model found them.
        volumes_ml: of "peripheral_zone", "transition_zone" and "gland", both together.
        flags: what speaks against the zones, in sentences; empty when nothing does.
        record: JSON-able record of the run.
    """

    labels: Volume
    field: ZoneField
    volumes_ml: Mapping[str, float]
    flags: tuple[str, ...]
    record: dict[str, Any]

    @property
    def probabilities(self) -> FloatArray:
        """Of background, peripheral and transition zone: `[3, K, J, I]`, 0 to 1, on the grid of the volume."""
        return self.field.on(self.labels)

    @property
    def report(self) -> dict[str, Any]:
        """What a table or a panel shows: volumes_ml, flags, model, licence, non_commercial."""
        model = self.record["model"]
        return {
            "volumes_ml": dict(self.volumes_ml),
            "flags": list(self.flags),
            "model": model["name"],
            "licence": model["licence"],
            "non_commercial": model["non_commercial"],
        }

    def on(self, volume: Volume) -> Volume:
        """The labels on the grid of another volume of the same patient in the same place, none where it holds no data."""
        return self.field.labels_on(with_padding(volume))


def segment_zones(
    volume: Volume,
    *,
    model: str = "auto",
    device: str = "auto",
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    warn: WarningCallback | None = None,
) -> Volume:
    """The labels of `find_zones`: 0 background, 1 peripheral zone, 2 transition zone, on the grid of `volume`."""
    return find_zones(volume, model=model, device=device, progress=progress, cancel=cancel, warn=warn).labels


def find_zones(
    volume: Volume,
    *,
    model: str = "auto",
    device: str = "auto",
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    warn: WarningCallback | None = None,
) -> Zones:
    """Find peripheral and transition zone of the prostate in a T2 volume of any orientation and spacing.

    Args:
        volume: the image; it is not changed.
        model: see `find_segmenter`.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        progress: receives what is done with an ETA.
        cancel: asked after every pass of the network.
        warn: receives what the user should know before trusting the zones, a non-commercial licence first.

    Raises:
        InputError: the volume cannot hold zones, or there is no such model or device name.
        MissingDependencyError: no zone model is installed, or the device is not there.
        CancelledError: the caller asked to stop.
    """
    refuse_unworkable(volume)
    segmenter, there = find_segmenter(model), choose_device(device)
    begun = time.monotonic()
    warnings, say = collecting(warn)
    volume = with_padding(volume)
    notes = (*notes_on_licence(segmenter), *notes_on(volume), *notes_on_padding(volume), *segmenter.notes(volume))
    for line in notes:
        say(line)
    field, left_out = with_one_gland(segmenter.find(filled(volume), there, progress, cancel))
    labels, sure = field.labels_on(volume), confidence(field)
    volumes = volumes_ml(labels)
    flags = (*flags_of(labels, sure), *_on_pieces(left_out, volumes[GLAND.key]))
    record = {
        "notice": NOTICE,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "input": volume_record(volume),
        "model": {**segmenter.record, "licence": segmenter.licence, "non_commercial": segmenter.non_commercial},
        "options": {"model": model, "device": device},
        "labels": {str(label): asdict(zone) for label, zone in ZONES.items()},
        "volumes_ml": volumes,
        "flags": list(flags),
        "confidence": round(sure, 4),
        "pieces": len(left_out) + 1,
        "left_out_ml": round(sum(left_out), 3),
        "warnings": list(warnings),
        "run": {"device": device_name(there), "seconds": round(time.monotonic() - begun, 3)},
        "versions": versions(),
    }
    return Zones(labels, field, volumes, flags, record)


def check_zones(volume: Volume, model: str, device: str) -> None:
    """Raise what `find_zones` would raise before its work: for use before long work that it follows."""
    refuse_unworkable(volume)
    find_segmenter(model)
    choose_device(device)


def notes_on_licence(segmenter: Segmenter) -> Iterator[str]:
    """What the licence asks of the user."""
    if segmenter.non_commercial:
        yield f"The model {segmenter.name} is for non-commercial use only. Its licence: {segmenter.licence}"


def _on_pieces(left_out: Sequence[float], gland_ml: float) -> Iterator[str]:
    """What to say of pieces apart from the gland, by their volumes in ml."""
    said = [piece for piece in left_out if piece >= _WORTH_SAYING_ML]
    if not said:
        return
    doubt = "; see whether it is the prostate" if sum(said) > _DOUBTFUL_SHARE * gland_ml else ""
    yield (
        f"The gland was found in {len(said) + 1} pieces: only the largest was kept, "
        f"{sum(said):.2f} ml apart from it were left out{doubt}."
    )

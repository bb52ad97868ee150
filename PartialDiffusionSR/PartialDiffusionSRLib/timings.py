"""How long a run will take, from this machine's own last runs."""

from collections.abc import Iterator, Sequence

import qt

_GROUP = "PartialDiffusionSR/secondsPerMegapixel"
_ZONES = "PartialDiffusionSR/secondsOfZones"
_ADAPTING = "PartialDiffusionSR/secondsPerAdaptingStep"


def remember(record: dict) -> None:
    """Keep the pace of a finished run, from its provenance."""
    device = record["options"]["device"]
    zones = record if "volumes_ml" in record else record.get("zones")
    if zones is not None:
        qt.QSettings().setValue(_zonesKey(zones["model"]["name"], device), str(zones["run"]["seconds"]))
    if zones is record:
        return
    where = _where(device, record["options"]["precision"])
    models = [stage["model"]["name"] for stage in (record.get("in_plane"), record) if stage is not None]
    seconds, adaptation = record["run"]["seconds"], record.get("adaptation")
    if adaptation is not None:
        # A step works on crops of one size, whatever the volume: it has a pace of its own, and no share in that of restoring.
        seconds -= adaptation["seconds"]
        qt.QSettings().setValue(_adaptingKey(models[-1], where), str(adaptation["seconds"] / adaptation["steps"]))
    qt.QSettings().setValue(_key(models, where), str(seconds / record["run"]["megapixels"]))


def expectedSeconds(cards: Sequence, shape: Sequence[int], spacing: Sequence[float], options) -> float | None:
    """Seconds that a run will take here without adapting, or None when none like it has been timed.

    Args:
        cards: of its models, in their order.
        shape: voxels `(K, J, I)` of the input, slices along K.
        spacing: of the input along (i, j, k), mm.
        options: of the run.
    """
    pace = qt.QSettings().value(_key([card.name for card in cards], _where(options.device, options.precision)))
    if not pace:
        return None
    return float(pace) * sum(_megapixels(cards, shape, spacing, options))


def expectedAdaptingSeconds(model: str, options) -> float | None:
    """Seconds that adapting a model will take here, or None when that has never been timed."""
    pace = qt.QSettings().value(_adaptingKey(model, _where(options.device, options.precision)))
    return float(pace) * options.adapt if pace else None


def expectedZonesSeconds(model: str, device: str) -> float | None:
    """Seconds that zones will take here, or None when none have been timed; their networks work on a grid of their own."""
    seconds = qt.QSettings().value(_zonesKey(model, device))
    return float(seconds) if seconds else None


def _megapixels(cards: Sequence, shape: Sequence[int], spacing: Sequence[float], options) -> Iterator[float]:
    """Pixels that pass through each network, in millions: slices, or planes across them both ways."""
    slices, rows, columns = shape
    pixel, distance = max(spacing[:2]), spacing[2]
    for card in cards:
        passes = (options.steps or card.sampler["steps" if options.samples == 1 else "sample_steps"]) * options.samples
        if card.mode == "in-plane":
            rows, columns, pixel = rows * options.factor, columns * options.factor, pixel / options.factor
        else:
            chosen = options.factor if options.mode == "through-plane" else None
            slices, passes = slices * (chosen or distance / pixel), 2 * passes
        yield slices * rows * columns * passes / 1e6


def inWords(seconds: float) -> str:
    """A duration for a person."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _where(device: str, precision: str) -> str:
    """The device as runs of that precision are timed on it."""
    return device if precision == "auto" else f"{device}_{precision}"


def _key(models: Sequence[str], device: str) -> str:
    return f"{_GROUP}/{'+'.join(models)}/{device.replace(':', '_')}"


def _zonesKey(model: str, device: str) -> str:
    return f"{_ZONES}/{model}/{device.replace(':', '_')}"


def _adaptingKey(model: str, device: str) -> str:
    return f"{_ADAPTING}/{model}/{device.replace(':', '_')}"

"""Super-resolution and then the zones of what it gives, in one call; each record tells of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.pipeline.super_resolution import SuperResolutionResult, super_resolve
from pdm_core.progress import CancelCheck, ProgressCallback, WarningCallback
from pdm_core.segmentation.zones import Zones, check_zones, find_zones
from pdm_core.volume.volume import Volume

_TOLD = ("model", "volumes_ml", "flags", "confidence", "pieces", "left_out_ml", "warnings", "run")


def super_resolve_and_segment(
    volume: Volume,
    options: SuperResolutionOptions,
    *,
    zone_model: str = "auto",
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    warn: WarningCallback | None = None,
) -> tuple[SuperResolutionResult, Zones]:
    """Restore a volume, and find the zones on the restored one.

    Args:
        volume: see `super_resolve`; `Zones.on(volume)` has the zones on its own grid.
        options: see `super_resolve`; the zones are found on the same device.
        zone_model: see `find_segmenter`.
        progress: receives the events of both, whose stages differ.
        cancel: asked throughout.
        warn: receives the warnings of both.

    Returns:
        The result, with `zones` in its provenance, and the zones, with `super_resolution` in their record.

    Raises:
        PdmError: as `super_resolve` and `find_zones` do; what forbids zones is said before the restoration.
    """
    check_zones(volume, zone_model, options.device)
    result = super_resolve(volume, options, progress=progress, cancel=cancel, warn=warn)
    record, zones = segment_restored(
        result.volume,
        result.provenance,
        zone_model=zone_model,
        device=options.device,
        progress=progress,
        cancel=cancel,
        warn=warn,
    )
    return replace(result, provenance=record), zones


def segment_restored(
    restored: Volume,
    provenance: Mapping[str, Any],
    *,
    zone_model: str = "auto",
    device: str = "auto",
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    warn: WarningCallback | None = None,
) -> tuple[dict[str, Any], Zones]:
    """Find the zones on a volume that was restored before, now or in an earlier run.

    Args:
        restored: the volume.
        provenance: its record, without zones.
        zone_model: see `find_segmenter`.
        device: see `find_zones`, as the rest.
        progress: receives its events.
        cancel: asked throughout.
        warn: receives its warnings.

    Returns:
        The record with `zones`, and the zones, with `super_resolution` in their record.

    Raises:
        PdmError: as `find_zones` does.
    """
    zones = find_zones(restored, model=zone_model, device=device, progress=progress, cancel=cancel, warn=warn)
    told = {name: zones.record[name] for name in _TOLD}
    record = {**zones.record, "super_resolution": dict(provenance)}
    return {**provenance, "zones": told}, replace(zones, record=record)

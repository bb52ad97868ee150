"""Writing zones: label maps or segmentations, on the grid of the result and on that of a chain's input, with their record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pdm_core.pipeline.outputs import companions, provenance_path, write_provenance
from pdm_core.segmentation.files import on_the_input, write_zones
from pdm_core.segmentation.labels import GLAND, ZONES
from pdm_core.volume.images import image_suffix
from pdm_core.volume.volume import Volume
from pdm_core.volume.write import write_volume

if TYPE_CHECKING:
    from pdm_core.segmentation.zones import Zones


def write_zone_files(zones: Zones, output: Path, source: Volume | None = None, others: Iterable[Path] = ()) -> Path:
    """Write the labels, and last their record beside them.

    The record of earlier zones goes first: it must not vouch for these, should the writing be stopped.

    Args:
        zones: on the grid of the volume that they were found in.
        output: `.seg.nrrd` or an ending of an image.
        source: the input of a chain: its grid gets the zones too, under `on_the_input(output)`.
        others: files of the same zones that were written before, such as their probabilities.

    Returns:
        The record's path.

    Raises:
        InputError: see `write_volume`.
    """
    name = zones.record["model"]["name"]
    provenance_path(output).unlink(missing_ok=True)
    write_zones(zones.labels, output, name)
    written = [*others]
    if source is not None:
        written.append(write_zones(zones.on(source), on_the_input(output), name))
    described = {"file": output.name, **companions([output])[output.name], "companions": companions(written)}
    return write_provenance({**zones.record, "output": described}, output)


def probability_paths(path: Path) -> Mapping[int, Path]:
    """Label to the file of its probability: NAME_peripheral_zone and NAME_transition_zone, with the ending of `path`."""
    suffix = image_suffix(path) or ""
    stem = path.name[: len(path.name) - len(suffix)]
    return {label: path.with_name(f"{stem}_{zone.key}{suffix}") for label, zone in ZONES.items()}


def write_probabilities(zones: Zones, paths: Mapping[int, Path]) -> None:
    """Write the probabilities of some labels, 0 to 1; what both zones leave is the background's."""
    probabilities = zones.probabilities
    for label, target in paths.items():
        write_volume(zones.labels.with_array(probabilities[label]), target)


def as_table(zones: Zones) -> str:
    """Volumes and flags, a line each, for a terminal."""
    names = {structure.key: structure.name for structure in (*ZONES.values(), GLAND)}
    lines = [f"  {names[key]:16}{volume:8.1f} ml" for key, volume in zones.volumes_ml.items()]
    return "\n".join([*lines, *(f"  flag: {flag}" for flag in zones.flags)])

"""Writing what a run gives: the image, its companions and its record appear together or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.atomic import scratch_beside, write_text
from pdm_core.errors import InputError
from pdm_core.volume import Volume, write_volume
from pdm_core.volume.identity import source_facts, volume_sha256
from pdm_core.volume.images import image_suffix

if TYPE_CHECKING:
    from pdm_core.pipeline.super_resolution import SuperResolutionResult


def provenance_path(output: Path) -> Path:
    """Where the record of an image lies: NAME.provenance.json beside it."""
    stem = output.name[: -len(image_suffix(output) or "")]
    return output.with_name(f"{stem}.provenance.json")


def write_provenance(record: Mapping[str, Any], output: Path) -> Path:
    """Write the record of what lies at `output`, in the place of an earlier one.

    Returns:
        The record's path.
    """
    target = provenance_path(output)
    write_text(target, _as_json(record))
    return target


def write_result(
    result: SuperResolutionResult, output: Path, *, dtype: str = "float32", uncertainty: Path | None = None
) -> Path:
    """Write the image, when asked the spread of its samples, and last the record.

    The record of an earlier image gives way before that image does: stopped in between, an image stands without a record,
    never under that of another.

    Returns:
        The record's path.

    Raises:
        InputError: see `write_volume`; an integer format may refuse the values, and then all is as it was.
    """
    target = provenance_path(output)
    earlier, before = target.read_bytes() if target.exists() else None, _state(output)
    temporary = scratch_beside(target)

    def make_way(image: Path) -> None:
        """The image is complete: its record is written beside the earlier one, which goes."""
        described = _description(output.name, dtype, image)
        if uncertainty is not None and result.uncertainty is not None:
            described["uncertainty"] = uncertainty.name
        _write(temporary, {**result.provenance, "output": described})
        target.unlink(missing_ok=True)

    try:
        try:
            write_volume(result.volume, output, dtype=dtype, ready=make_way)
        except BaseException:
            if earlier is not None and _state(output) == before:
                target.write_bytes(earlier)
            raise
        if uncertainty is not None and result.uncertainty is not None:
            write_volume(result.uncertainty, uncertainty)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def tells_of(record: Mapping[str, Any], output: Path, dtype: str) -> bool:
    """Whether a record is that of the image that lies at `output`, whole and in this number format."""
    return output.exists() and _description(output.name, dtype, output).items() <= record["output"].items()


def refuse_result_of_another_input(output: Path, volume: Volume) -> None:
    """Raise `InputError` where the result of another input, image or zones, would be replaced; for use before long work.

    The same input is one with the same voxels, wherever it lies, or from the same place (file, or DICOM series), however it
    has changed.

    Args:
        output: where the new result goes.
        volume: what it will be made from.
    """
    try:
        record: dict[str, Any] = json.loads(provenance_path(output).read_text(encoding="utf-8"))
        earlier, replaced = record["input"], output.with_name(record["output"]["file"])
        same = earlier["sha256"] == volume_sha256(volume) or _origin(earlier["source"]) == _origin(source_facts(volume))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # There is no record, or it is not one of ours.
        return
    if replaced.exists() and not same:
        raise InputError(
            f"{replaced} is the result of another input, {earlier['source'].get('path', 'unknown')}: it would be replaced.",
            "Choose another name or folder for the output, or remove the earlier result first.",
        )


def _origin(facts: Mapping[str, Any]) -> Any:
    """What names the source of a volume: its DICOM series where it has one, else its file."""
    return facts.get("series_uid") or facts["path"]


def _description(name: str, dtype: str, image: Path) -> dict[str, Any]:
    """What a record says of its file: enough to see that another one, or a part of it, has taken its place."""
    return {"file": name, "dtype": dtype, "bytes": image.stat().st_size}


def _state(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from one that has taken its place."""
    if not path.exists():
        return None
    facts = path.stat()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _write(path: Path, record: Mapping[str, Any]) -> None:
    path.write_text(_as_json(record), encoding="utf-8", errors="backslashreplace")


def _as_json(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"

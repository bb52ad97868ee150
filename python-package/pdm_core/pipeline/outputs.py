"""Writing what a run gives: the image, its companions and its record appear together or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.atomic import write_text
from pdm_core.volume import write_volume
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
    temporary, earlier = (target.with_name(f".{target.name}.{os.getpid()}.{end}") for end in ("part", "earlier"))
    try:
        temporary.write_text(_as_json(result.provenance), encoding="utf-8")
        with _set_aside(target, earlier):
            write_volume(result.volume, output, dtype=dtype)
        if uncertainty is not None and result.uncertainty is not None:
            write_volume(result.uncertainty, uncertainty)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
        earlier.unlink(missing_ok=True)
    return target


@contextmanager
def _set_aside(record: Path, aside: Path) -> Iterator[None]:
    """Move a record away for good, or for as long as the block takes to fail."""
    if record.exists():
        os.replace(record, aside)
    try:
        yield
    except BaseException:
        if aside.exists():
            os.replace(aside, record)
        raise


def _as_json(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"

"""Writing what a run gives: the image, its companions and its record appear together or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pdm_core.atomic import scratch_beside, write_text
from pdm_core.errors import InputError
from pdm_core.volume import Volume, write_volume
from pdm_core.volume.identity import source_facts, volume_sha256
from pdm_core.volume.images import image_suffix
from pdm_core.zoo.weights import file_sha256

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
        _write(temporary, {**result.provenance, "output": {"file": output.name, "dtype": dtype, **_content(image)}})
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
            record = json.loads(temporary.read_text(encoding="utf-8"))
            record["output"]["companions"] = companions([uncertainty])
            _write(temporary, record)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def tells_of(record: Mapping[str, Any], output: Path, dtype: str) -> bool:
    """Whether a record is that of the image that lies at `output`, unchanged, in this number format, with its companions."""
    told = record["output"]
    named = (told["file"], told["dtype"]) == (output.name, dtype)
    return named and output.exists() and all(told[name] == value for name, value in _content(output).items())


def companions(files: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """What a record says of files that go with its image or zones: name to size and checksum."""
    return {path.name: _content(path) for path in files}


def is_unchanged(record: Mapping[str, Any], path: Path) -> bool:
    """Whether a file is as its record describes it."""
    told = record["output"]
    described = told if told["file"] == path.name else told.get("companions", {}).get(path.name, {})
    return path.exists() and all(described.get(name) == value for name, value in _content(path).items())


def read_record(path: Path) -> dict[str, Any] | None:
    """The record at `path` of a result and its companions, or None where there is none of ours."""
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        files_of(record), record["input"]["sha256"], record["input"]["source"].get("path")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return record


def files_of(record: Mapping[str, Any]) -> frozenset[str]:
    """Names of the files that a record vouches for; all lie in its folder."""
    return frozenset([record["output"]["file"], *record["output"].get("companions", {})])


def refuse_results_of_another_input(outputs: Iterable[Path], volume: Volume, records: Iterable[Path] | None = None) -> None:
    """Raise `InputError` where a result of another input would be replaced; for use before long work.

    The same input is one with the same voxels, wherever it lies, or from the same place (file, or DICOM series), however it
    has changed.

    Args:
        outputs: the files that will be written: image, zones and their companions.
        volume: what they will be made from.
        records: where the records of such results may be; None looks at all records in the folders of the outputs.
    """
    outputs = list(outputs)
    if records is None:
        records = [path for folder in {output.parent for output in outputs} for path in folder.glob("*.provenance.json")]
    facts, sha256 = source_facts(volume), volume_sha256(volume)
    for path in records:
        record = read_record(path)
        if record is None or _same_input(record["input"], sha256, facts):
            continue
        for output in outputs:
            if output.parent == path.parent and output.name in files_of(record) and output.exists():
                _refuse_replacing(output, record)
        # Of an image in another format, which has the same record.
        told = path.with_name(record["output"]["file"])
        if path in map(provenance_path, outputs) and told.exists():
            _refuse_replacing(told, record)


def _same_input(earlier: Mapping[str, Any], sha256: str, facts: Mapping[str, Any]) -> bool:
    return bool(earlier["sha256"] == sha256 or (_origin(facts) is not None and _origin(earlier["source"]) == _origin(facts)))


def _refuse_replacing(path: Path, record: Mapping[str, Any]) -> NoReturn:
    raise InputError(
        f"{path} is the result of another input, {record['input']['source'].get('path', 'unknown')}: it would be replaced.",
        "Choose another name or folder for the output, or remove the earlier result first.",
    )


def _origin(facts: Mapping[str, Any]) -> Any:
    """What names the source of a volume: its DICOM series where it has one, else its file."""
    return facts.get("series_uid") or facts.get("path")


def _content(path: Path) -> dict[str, Any]:
    """What tells a file from every other one, or from a part of it."""
    return {"bytes": path.stat().st_size, "sha256": file_sha256(path)}


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

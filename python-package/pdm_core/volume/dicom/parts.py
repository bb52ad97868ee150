"""Stacks of one series that are parts of one volume, or that must not pass as volumes of their own."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.dicom.frames import Frame
from pdm_core.volume.dicom.geometry import aside_tolerance, ordered, same_place, stack_matrix
from pdm_core.volume.dicom.stacks import Stack
from pdm_core.volume.volume import Matrix

# Steps of the processing that scanners name in ImageType and that leave a slice what it is.
_CORRECTION = re.compile(r"NORM|ND|DIS[23]D|FM\d?(_\d+)?|FIL|SH|OTHER|NONE")
# So many times the usual distance between slices apart, two parts are slabs of their own.
_ADJOINING = 1.5
# Parts with almost one orientation may be those of one volume; the places of others cannot be compared.
_SAME_NORMAL = math.cos(math.radians(2))
# By so much of a step, places of two parts with another geometry may differ and be one.
_SAME_PLACE_SHARE = 0.25
# By this share echo times may differ and be one, as some scanners state them for each slice.
_SAME_ECHO_TIME = 0.01
# So many parts are described in a message.
_LISTED = 6


def arranged(stacks: list[Stack]) -> list[Stack]:
    """Stacks of one series with the parts of one volume joined, in the order of their first parts.

    Parts that interleave or adjoin on one line, with the same matrix, spacing and orientation and without a place twice, are
    one volume if they differ only in corrections of the scanner and form a regular grid; otherwise they are one stack with a
    problem, also where matrix, spacing or a small angle tells them apart. Parts that share places are repeats or echoes, and
    parts that lie apart are slabs: they stay what they are.
    A folder that holds a copy of the slices of another is a stack of its own.
    """
    parts: list[Stack] = []
    for alongside in _by_geometry(part for stack in stacks for part in _copies_apart(stack)):
        for component in _components(alongside, _may_be_one):
            parts.extend(_joined(component))
    found = [_refused(component) for component in _components(parts, _touch)]
    order = {id(frame): number for number, frame in enumerate(frame for stack in stacks for frame in stack.frames)}
    return sorted(found, key=lambda stack: order[id(stack.frames[0])])


def _copies_apart(stack: Stack) -> list[Stack]:
    """One stack a folder where each folder holds a place once at most, and one folder all places."""
    folders: dict[Path, list[Frame]] = {}
    for frame in stack.frames:
        folders.setdefault(frame.path.parent, []).append(frame)
    if len(folders) == 1:
        return [stack]
    by_size = sorted(folders.values(), key=len, reverse=True)
    places = [[frame.along for frame in ordered(frames)] for frames in by_size]
    whole = np.array(places[0])
    once = all(not same_place(*pair) for own in places for pair in pairwise(own))
    inside = all(same_place(place, whole[np.abs(whole - place).argmin()]) for own in places[1:] for place in own)
    if not (once and inside):
        return [stack]
    return [replace(stack, frames=frames, notes=[]) for frames in folders.values()]


def _by_geometry(stacks: Iterable[Stack]) -> list[list[Stack]]:
    groups: list[list[Stack]] = []
    for stack in stacks:
        group = next((group for group in groups if group[0].is_alongside(stack.frames[0])), None)
        if group is None:
            groups.append([stack])
        else:
            group.append(stack)
    return groups


def _components(stacks: list[Stack], related: Callable[[Stack, Stack], bool]) -> list[list[Stack]]:
    """Groups of stacks that are connected by a relation."""
    groups: list[list[Stack]] = []
    for stack in stacks:
        own = [group for group in groups if any(related(other, stack) for other in group)]
        groups = [group for group in groups if group not in own]
        groups.append([*(member for group in own for member in group), stack])
    return groups


def _joined(parts: list[Stack]) -> list[Stack]:
    """The parts as one stack, where all agree and they form a regular grid; else as they are."""
    if len(parts) == 1 or not all(_agree(*pair) for pair in combinations(parts, 2)):
        return parts
    whole = _together(parts)
    try:
        stack_matrix(ordered(whole.frames), "", None)
    except InputError:
        return parts
    return [whole]


def _refused(parts: list[Stack]) -> Stack:
    """One stack; several parts have the problem that they cannot be told apart or put together."""
    if len(parts) == 1:
        return parts[0]
    whole = _together(parts)
    listing = "; ".join(f"{len(part.frames)} slices{_differences(part, parts)}" for part in parts[:_LISTED])
    listing += "; ..." if len(parts) > _LISTED else ""
    whole.problem = whole.problem or InputError(
        f"{whole.folder}, series {whole.facts.get('series_number', 'without a number')}: "
        f"the series lies in {len(parts)} parts that interleave or adjoin and do not form one regular volume ({listing}).",
        "Export the complete series again, or each part as a series of its own.",
    )
    return whole


def _together(parts: list[Stack]) -> Stack:
    problem = next((part.problem for part in parts if part.problem is not None), None)
    return replace(parts[0], frames=[frame for part in parts for frame in part.frames], notes=[], problem=problem)


def _differences(part: Stack, parts: list[Stack]) -> str:
    """What is said of a part and not of all."""
    common = Counter(fact for other in parts for fact in _told(other.frames[0]))
    own = [f"{name} {value}" for name, value in _told(part.frames[0]) if common[name, value] < len(parts)]
    return f", {', '.join(own)}" if own else ""


def _told(frame: Frame) -> tuple[tuple[str, str], ...]:
    """What a message can say of a part: its kind, and its geometry."""
    rows, columns = frame.size
    return (
        *frame.kind,
        ("matrix", f"{columns} x {rows}"),
        ("pixel spacing", " x ".join(f"{side:.4g}" for side in frame.spacing)),
        ("orientation", "\\".join(f"{value:.4g}" for value in np.round(frame.orientation.ravel(), 4) + 0.0)),
    )


def _may_be_one(first: Stack, second: Stack) -> bool:
    return _agree(first, second) and _touch(first, second)


def _agree(first: Stack, second: Stack) -> bool:
    """Whether nothing tells two parts apart but corrections of the scanner, rounding, or times that count slices."""
    facts, others = dict(first.frames[0].kind), dict(second.frames[0].kind)
    differing = {name for name in facts.keys() & others.keys() if facts[name] != others[name]}
    if len(first.frames) == len(second.frames) == 1:
        # Times of which each has one slice count the slices.
        differing.discard("time")
    return all(name in _SAME and _SAME[name](facts[name], others[name]) for name in differing)


def _same_echo_time(first: str, second: str) -> bool:
    return math.isclose(float(first), float(second), rel_tol=_SAME_ECHO_TIME)


def _same_but_corrections(first: str, second: str) -> bool:
    words = set(first.split("/")) ^ set(second.split("/"))
    return all(_CORRECTION.fullmatch(word) for word in words)


# Facts that may differ between parts of one volume, and how.
_SAME = {"echo time": _same_echo_time, "image type": _same_but_corrections}


def _touch(first: Stack, second: Stack) -> bool:
    """Whether two parts lie on one line and interleave or adjoin, and share no place."""
    normal = first.frames[0].normal
    if abs(float(normal @ second.frames[0].normal)) < _SAME_NORMAL:
        return False
    alike = first.is_alongside(second.frames[0])
    # Repeats, of which a series may have hundreds, mostly begin at one place.
    if alike and same_place(0.0, float((second.frames[0].position - first.frames[0].position) @ normal)):
        return False
    own, other = (np.sort([_point(frame, alike) @ normal for frame in part.frames]) for part in (first, second))
    step, closest = _usual_step(first, own, other), _distance(own, other)
    if same_place(0.0, closest) or (not alike and step is not None and closest < _SAME_PLACE_SHARE * step):
        return False
    between = max(own[0], other[0]) - min(own[-1], other[-1])
    if between >= 0 and (step is None or between > _ADJOINING * step):
        return False
    return _on_one_line(first, second) if alike else _near_one_line(first, second)


def _point(frame: Frame, alike: bool) -> Matrix:
    """What stands for a slice beside one of the same geometry, or of another, where first pixels are not comparable."""
    return frame.position if alike else frame.center


def _on_one_line(first: Stack, second: Stack) -> bool:
    """Whether the first pixels of two parts of one geometry lie on a line along the normal."""
    return _aside(second.frames[0].position - first.frames[0].position, first) <= aside_tolerance(first.frames[0])


def _near_one_line(first: Stack, second: Stack) -> bool:
    """Whether the corners or centers of the nearest slices of two parts lie on a line along the normal, but for a pixel."""
    own, others = (np.array([frame.center for frame in part.frames]) for part in (first, second))
    distances = np.linalg.norm(own[:, None] - others[None], axis=-1)
    row, column = np.unravel_index(int(distances.argmin()), distances.shape)
    one, other = first.frames[row], second.frames[column]
    nearest = min(_aside(other.position - one.position, first), _aside(other.center - one.center, first))
    return nearest <= max(*one.spacing, *other.spacing)


def _aside(gap: Matrix, stack: Stack) -> float:
    """The part of a distance that is not along the normal, mm."""
    normal = stack.frames[0].normal
    return float(np.linalg.norm(gap - (gap @ normal) * normal))


def _distance(own: Matrix, other: Matrix) -> float:
    """The smallest distance between a place of one part and one of the other; both sorted."""
    bounded = np.concatenate(([-np.inf], other, [np.inf]))
    where = np.searchsorted(other, own)
    return float(np.minimum(own - bounded[where], bounded[where + 1] - own).min())


def _usual_step(stack: Stack, *places: Matrix) -> float | None:
    """Distance between neighbors: of the parts, else as it is stated; None where nobody knows."""
    steps = [float(np.median(np.diff(own))) for own in places if len(own) > 1]
    stated = stack.facts.get("spacing_between_slices_mm") or stack.facts.get("slice_thickness_mm")
    return max(steps) if steps else stated

"""Values of DICOM headers as the field has them: in another representation, several for one, or not readable at all."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.errors import InputError

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

_BINARY_KINDS = {"FD": float, "FL": float, "SL": int, "SS": int, "UL": int, "US": int}
_NUMBER_KINDS = ("DS", "IS", *_BINARY_KINDS)
_SHOWN_CHARACTERS = 60


class UnreadableValueError(Exception):
    """An element is present, but its content is not what its tag stands for.

    Args:
        dataset: what holds the element.
        keyword: of the element.
    """

    def __init__(self, dataset: Dataset, keyword: str) -> None:
        super().__init__(f"{_label(keyword)} is {_shown(dataset, keyword)}")

    def as_input_error(self, path: Path, wanted: str = "which cannot be understood") -> InputError:
        """The refusal of the file at `path`, which needs the value."""
        return InputError(f"{path}: {self}, {wanted}.", "Correct the header, or export the series again.")


def values_of(dataset: Dataset, keyword: str) -> list[Any] | None:
    """The values of an element one by one, texts split at their backslashes; None where it is absent or empty.

    Raises:
        UnreadableValueError: the element cannot be converted, or it is a sequence.
    """
    if keyword not in dataset:
        return None
    try:
        element = dataset[keyword]
        value = element.value
    except Exception as error:  # pydicom converts at access, and lets all kinds of exceptions through.
        raise UnreadableValueError(dataset, keyword) from error
    if element.VR == "SQ":
        raise UnreadableValueError(dataset, keyword)
    if isinstance(value, bytes):
        value = value.decode("ascii", errors="replace")
    if isinstance(value, str):
        value = value.strip(" \0").split("\\")
    values = list(value) if isinstance(value, Iterable) and not _is_name(value) else [value]
    return None if all(item in (None, "") for item in values) else values


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...] | None:
    """All values of an element as finite numbers; None where it is absent or empty.

    Raises:
        UnreadableValueError: one of them is not a finite number.
    """
    values = values_of(dataset, keyword)
    if values is None:
        return None
    try:
        found = tuple(float(str(item).strip(" \0").replace("_", "?")) for item in values)
    except ValueError as error:
        raise UnreadableValueError(dataset, keyword) from error
    if not all(math.isfinite(item) for item in found):
        raise UnreadableValueError(dataset, keyword)
    return found


def optional_number(dataset: Dataset, keyword: str) -> float | None:
    """The first value of an element as a number; None where there is none that can be understood."""
    try:
        found = numbers(dataset, keyword)
    except UnreadableValueError:
        return None
    return None if found is None else found[0]


def optional_text(dataset: Dataset, keyword: str) -> str | None:
    """The values of an element as text, several joined by slashes; None where there is none that can be understood."""
    try:
        values = values_of(dataset, keyword)
    except UnreadableValueError:
        return None
    return None if values is None else "/".join(str(item).strip(" \0") for item in values).strip() or None


def needed_numbers(dataset: Dataset, keyword: str, count: int, path: Path) -> tuple[float, ...] | None:
    """Exactly `count` numbers; None where the element is absent or empty, which the caller judges.

    One number that is repeated counts as one.

    Raises:
        InputError: the element is present, but not `count` numbers; names the file, the tag and the value.
    """
    wanted = "which is not a number" if count == 1 else f"which is not {count} numbers"
    try:
        found = numbers(dataset, keyword)
        if found is not None and count == 1 and len(set(found)) == 1:
            found = found[:1]
        if found is not None and len(found) != count:
            raise UnreadableValueError(dataset, keyword)
    except UnreadableValueError as error:
        raise error.as_input_error(path, wanted) from error
    return found


def needed_integer(dataset: Dataset, keyword: str, path: Path, allowed: range) -> int | None:
    """A whole number in `allowed`; None where the element is absent or empty.

    Raises:
        InputError: the element is present, but not such a number.
    """
    found = needed_numbers(dataset, keyword, 1, path)
    if found is not None and (found[0] != round(found[0]) or int(found[0]) not in allowed):
        wanted = f"which is not a whole number from {allowed.start} to {allowed.stop - 1}"
        raise UnreadableValueError(dataset, keyword).as_input_error(path, wanted)
    return None if found is None else int(found[0])


def items_of(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none where it is absent.

    Raises:
        UnreadableValueError: the element is not a sequence, or it is damaged.
    """
    if keyword not in dataset:
        return []
    try:
        element = dataset[keyword]
        if element.VR == "SQ":
            return list(element.value or [])
    except Exception as error:
        raise UnreadableValueError(dataset, keyword) from error
    raise UnreadableValueError(dataset, keyword)


def standard_element(dataset: Dataset, keyword: str) -> DataElement | None:
    """An element as its tag demands, fit to be written again; None where it is absent, empty or cannot be understood.

    Of several numbers where the standard has one, the first counts; several UIDs in place of one say nothing.
    """
    from pydicom.datadict import dictionary_VM, dictionary_VR
    from pydicom.dataelem import DataElement

    # pydicom converts at access, and lets all kinds of exceptions and warnings through.
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if keyword not in dataset or dataset[keyword].is_empty:
            return None
        element: DataElement = dataset[keyword]
        kinds = dictionary_VR(keyword).split(" or ")
        if (element.VR == "SQ") != (kinds == ["SQ"]):
            return None
        if element.VR not in kinds:
            values = values_of(dataset, keyword) or []
            if kinds[0] in _BINARY_KINDS:
                values = [_BINARY_KINDS[kinds[0]](number) for number in numbers(dataset, keyword) or ()]
            element = DataElement(element.tag, kinds[0], values)
        if element.VM > 1 and dictionary_VM(keyword) == "1" and element.VR in (*_NUMBER_KINDS, "UI"):
            if element.VR == "UI":
                return None
            element = DataElement(element.tag, element.VR, element.value[0])
        # Numbers that are not finite cannot be written again.
        readable = element.VR not in _NUMBER_KINDS or numbers(_holding(element), keyword) is not None
        return element if readable else None
    return None


def _holding(element: DataElement) -> Dataset:
    from pydicom.dataset import Dataset

    dataset = Dataset()
    dataset.add(element)
    return dataset


def _is_name(value: Any) -> bool:
    """Whether a value is a person's name, which is one value although it can be iterated over."""
    from pydicom.valuerep import PersonName

    return isinstance(value, PersonName)


def _label(keyword: str) -> str:
    from pydicom.tag import Tag

    tag = Tag(keyword)
    return f"{keyword} ({tag.group:04x},{tag.element:04x})"


def _shown(dataset: Dataset, keyword: str) -> str:
    """The content of an element for a message, as far as it is text."""
    value = dataset.get_item(keyword).value
    if isinstance(value, bytes):
        value = value.decode("ascii", errors="replace").strip(" \0")
    if not isinstance(value, str | int | float):
        value = "\\".join(str(item) for item in value) if _is_list(value) else type(value).__name__
    text = str(value)
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "...")


def _is_list(value: Any) -> bool:
    from pydicom.multival import MultiValue

    return isinstance(value, MultiValue | list | tuple)

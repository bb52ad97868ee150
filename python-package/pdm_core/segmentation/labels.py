"""The zones: their labels, names, codes and colours, once for label maps, segments, tables and Slicer's terminology.

Codes are SNOMED CT, as DICOM PS3.16 CID 6300 "Prostate Anatomy" lists them; colours are those of Slicer's anatomic lists.
The transition zone stands for the whole central gland: no label here tells the central zone apart.
"""

from __future__ import annotations

from dataclasses import dataclass

BACKGROUND = 0
TERMINOLOGY_CONTEXT = "Segmentation category and type - PartialDiffusionSR"
_CATEGORY = ("123037004", "Anatomical Structure")
_ANATOMY_CONTEXT = "Anatomic codes - DICOM master list"
_SCHEME = "SCT"


@dataclass(frozen=True)
class Structure:
    """A part of the body with its code.

    Attributes:
        key: its name in records and as the ID of a segment.
        name: for a person.
        code: SNOMED CT code.
        meaning: of the code.
        colour: red, green, blue, 0 to 255.
    """

    key: str
    name: str
    code: str
    meaning: str
    colour: tuple[int, int, int]

    @property
    def terminology_entry(self) -> str:
        """The serialized terminology of a segment: context, category, type, modifier, and an empty region."""
        category = "^".join((_SCHEME, *_CATEGORY))
        kind = "^".join((_SCHEME, self.code, self.meaning))
        return f"{TERMINOLOGY_CONTEXT}~{category}~{kind}~^^~{_ANATOMY_CONTEXT}~^^~^^"


GLAND = Structure("gland", "Prostate", "41216001", "Prostate", (230, 158, 140))
PERIPHERAL_ZONE = Structure("peripheral_zone", "Peripheral zone", "279706003", "Peripheral zone of prostate", (180, 140, 190))
TRANSITION_ZONE = Structure("transition_zone", "Transition zone", "399384005", "Transition zone of prostate", (190, 190, 110))
# Label to zone; the gland is both together and has no label of its own.
ZONES = {1: PERIPHERAL_ZONE, 2: TRANSITION_ZONE}

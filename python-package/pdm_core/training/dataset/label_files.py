"""Files of labels: which go with an image, what they hold, and how far they are trusted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pdm_core.volume.images import image_suffix

# Beginning of the name of a label file, and the labels that it may hold.
KINDS = {"zones": (0, 1, 2), "gland": (0, 1)}
# How far labels are trusted, by what their names say of who made them; anything else is taken for a person's.
_TRUST = {"pseudo": 0.3, "ai": 0.6}


@dataclass(frozen=True)
class LabelFile:
    """A label map on disk.

    Attributes:
        path: of the image file that holds it.
        kind: "zones" (0 background, 1 peripheral zone, 2 transition zone) or "gland" (0 background, 1 gland).
        trust: share of 1 by which it weighs against others when training examples are drawn.
    """

    path: Path
    kind: str
    trust: float


def is_label_file(path: Path) -> bool:
    """Whether the name is that of a label map: `zones_…` or `gland_…`, or these words alone."""
    return image_suffix(path) is not None and path.name.split(".", 1)[0].split("_", 1)[0] in KINDS


def label_file(path: Path, kind: str | None = None, trust: float | None = None) -> LabelFile:
    """A label map by its path; kind and trust are those of its name unless given."""
    words = path.name.split(".", 1)[0].lower().split("_")
    known = next((value for word, value in _TRUST.items() if word in words), 1.0)
    return LabelFile(path, kind or words[0], known if trust is None else trust)


def labels_beside(path: Path) -> tuple[LabelFile, ...]:
    """The label maps in the folder of an image file."""
    if not path.is_file() or image_suffix(path) is None:
        return ()
    return tuple(label_file(other) for other in sorted(path.parent.iterdir()) if is_label_file(other))

"""The quality dial: one slider between faithful and detailed instead of steps and samples."""

from slicer.i18n import tr as _

# Steps at each position; 0 is the model's own choice, its most faithful setting.
_STEPS = (0, 3, 8)
_SAMPLES_FOR_UNCERTAINTY = 4


def positions() -> int:
    """How many positions the dial has."""
    return len(_STEPS)


def settingsAt(position: int, uncertainty: bool) -> tuple[int, int]:
    """Steps and samples of a position, with or without a map of uncertainty."""
    return _STEPS[position], _SAMPLES_FOR_UNCERTAINTY if uncertainty else 1


def positionOf(steps: int) -> int:
    """The position nearest to a number of steps."""
    return min(range(len(_STEPS)), key=lambda position: abs(_STEPS[position] - steps))


def nameOf(position: int) -> str:
    """What a position is called."""
    return (
        _("Faithful: the smallest expected error"),
        _("Balanced: some texture, a slightly larger expected error"),
        _("Detailed: the texture of a sharp image; more of it is invented"),
    )[position]

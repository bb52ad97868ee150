"""The last run's settings, kept on this machine: Slicer may be closed and opened again without a saved scene."""

import qt

from PDMTrainingLib.parameters import PDMTrainingParameterNode, Step

_GROUP = "PDMTraining"
_NAMES = ("source", "include", "dataset", "recipe", "recipeFile", "run", "device")


def remember(parameters: PDMTrainingParameterNode) -> None:
    """Keep what the panel shows."""
    qt.QSettings().setValue(f"{_GROUP}/step", parameters.step.name)
    for name in _NAMES:
        qt.QSettings().setValue(f"{_GROUP}/{name}", getattr(parameters, name))


def recall(parameters: PDMTrainingParameterNode) -> None:
    """Fill in what was kept, where a scene brings no settings of its own."""
    if parameters.source or parameters.dataset or parameters.run:
        return
    step = qt.QSettings().value(f"{_GROUP}/step")
    if step in Step.__members__:
        parameters.step = Step[step]
    for name in _NAMES:
        kept = qt.QSettings().value(f"{_GROUP}/{name}")
        if kept:
            setattr(parameters, name, kept)

"""What the panel can start: for each action the command of `pdm-sr`, what has to be there first, and what there is to see."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from slicer.i18n import tr as _

from PDMTrainingLib.files import CONVERGENCE, INDEX, PAGE, PICTURE, REPORT, pathOf, runState
from PDMTrainingLib.parameters import RECIPE_FILE, PDMTrainingParameterNode, Step

_Parameters = PDMTrainingParameterNode


@dataclass(frozen=True)
class Action:
    """One row of the table.

    Attributes:
        words: the command.
        checks: each says why the command cannot be started, or nothing; the first that speaks counts.
        report: the file to look at afterwards; None where its folder is not chosen.
        trains: whether the run folder's curves grow meanwhile.
    """

    words: Callable[[_Parameters], list[str]]
    checks: tuple[Callable[[_Parameters], str | None], ...]
    report: Callable[[_Parameters], Path | None]
    trains: bool = False

    def problem(self, parameters: _Parameters) -> str | None:
        """Why it cannot be started, or None."""
        return next(filter(None, (check(parameters) for check in self.checks)), None)


def _prepareWords(parameters: _Parameters) -> list[str]:
    words = parameters.include.replace(",", " ").split()
    include = ["--include", *words] if words else []
    return ["prepare", str(pathOf(parameters.source)), "-o", str(pathOf(parameters.dataset)), *include]


def _convergeWords(parameters: _Parameters) -> list[str]:
    dataset = pathOf(parameters.dataset)
    return ["converge", str(dataset), "-o", str(dataset / CONVERGENCE)]


def _trainWords(command: str, parameters: _Parameters) -> list[str]:
    fromFile = parameters.recipe == RECIPE_FILE
    recipe = str(pathOf(parameters.recipeFile)) if fromFile else parameters.recipe
    return [command, recipe, "-o", str(pathOf(parameters.run)), *_dataAndDevice(parameters)]


def _addWords(parameters: _Parameters) -> list[str]:
    return ["models", "add", str(pathOf(parameters.run)), *_dataAndDevice(parameters)]


def _dataAndDevice(parameters: _Parameters) -> list[str]:
    return ["--data", str(pathOf(parameters.dataset)), "--device", parameters.device]


def _sourceIsThere(parameters: _Parameters) -> str | None:
    if not parameters.source.strip():
        return _("Choose the folder of the images, or a CSV table that lists them.")
    path = pathOf(parameters.source)
    return None if path.exists() else _("{path} does not exist.").format(path=path)


def _datasetIsNamed(parameters: _Parameters) -> str | None:
    return None if parameters.dataset.strip() else _("Choose a folder for the dataset.")


def _datasetIsPrepared(parameters: _Parameters) -> str | None:
    prepared = (pathOf(parameters.dataset) / INDEX).is_file()
    return None if prepared else _("The dataset folder holds no dataset yet: prepare the images first.")


def _recipeIsThere(parameters: _Parameters) -> str | None:
    if parameters.recipe != RECIPE_FILE or pathOf(parameters.recipeFile).is_file():
        return None
    return _("Choose a recipe file.")


def _runIsNamed(parameters: _Parameters) -> str | None:
    return None if parameters.run.strip() else _("Choose a folder for the run.")


def _runIsFinished(parameters: _Parameters) -> str | None:
    state = runState(pathOf(parameters.run))
    return None if state is not None and state.finished else _("The run folder holds no finished model: train one first.")


def _datasetFile(name: str, parameters: _Parameters) -> Path | None:
    return pathOf(parameters.dataset) / name if parameters.dataset.strip() else None


def _runPage(parameters: _Parameters) -> Path | None:
    return pathOf(parameters.run) / PAGE if parameters.run.strip() else None


_READY_TO_TRAIN = (_datasetIsNamed, _datasetIsPrepared, _recipeIsThere, _runIsNamed)
ACTIONS = {
    Step.PREPARE: Action(_prepareWords, (_sourceIsThere, _datasetIsNamed), partial(_datasetFile, REPORT)),
    Step.CONVERGE: Action(
        _convergeWords, (_datasetIsNamed, _datasetIsPrepared), partial(_datasetFile, f"{CONVERGENCE}/{PICTURE}")
    ),
    Step.TRAIN: Action(partial(_trainWords, "train"), _READY_TO_TRAIN, _runPage, trains=True),
    Step.DISTILL: Action(partial(_trainWords, "distill"), _READY_TO_TRAIN, _runPage, trains=True),
}
ADD = Action(_addWords, (_datasetIsNamed, _datasetIsPrepared, _runIsNamed, _runIsFinished), _runPage)

"""What the commands of `pdm-sr` leave in their folders, read without torch."""

import json
from dataclasses import dataclass
from pathlib import Path

import pdm_core

INDEX, REPORT = "dataset.json", "report.html"
CONVERGENCE, PICTURE = "convergence", "convergence.png"
HISTORY, STATE, PAGE = "history.json", "state.json", "curves.html"


@dataclass(frozen=True)
class RunState:
    """How far a run is.

    Attributes:
        name: of its model.
        step: of its last checkpoint.
        of: steps in all.
        finished: whether its model is there.
    """

    name: str
    step: int
    of: int
    finished: bool


def pathOf(text: str) -> Path:
    """The path that a user has typed."""
    return Path(text.strip()).expanduser()


def runState(folder: Path) -> RunState | None:
    """How far the run in `folder` is, or None where there is none."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        name = state["name"]
        return RunState(name, state["step"], state["of"], (folder / f"{name}.safetensors").is_file())
    except (OSError, ValueError, KeyError, TypeError):
        return None


def history(folder: Path) -> list[dict]:
    """The validations of the run in `folder`, each with its step, the loss and the gains; none where there is no run."""
    try:
        return json.loads((folder / HISTORY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []


def bundledRecipes() -> list[str]:
    """Names of the recipes that come with pdm_core."""
    return sorted(path.stem for path in (Path(pdm_core.__file__).parent / "training" / "recipes").glob("*.yaml"))

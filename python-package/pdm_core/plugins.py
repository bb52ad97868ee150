"""What other installed packages add to this one: commands, models and recipes, found by their entry points.

A package declares them in its `pyproject.toml`, as `pdm-study` does:

    [project.entry-points."pdm_core.commands"]
    study = "pdm_study.cli"         # a module with `add_parser(commands)` and `run(arguments)`
    [project.entry-points."pdm_core.models"]
    study = "pdm_study:WEIGHTS"     # a folder of weight files with their cards
    [project.entry-points."pdm_core.recipes"]
    study = "pdm_study:RECIPES"     # a folder of training recipes
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pdm_core.errors import MissingDependencyError

COMMANDS, MODELS, RECIPES = "pdm_core.commands", "pdm_core.models", "pdm_core.recipes"
STUDY = "study"
_INSTALL_STUDY = "Install it from a clone of the repository: pip install ./python-package/studies"
# The models and recipes of the package pdm-study are named after the system, and after how it was trained.
_OF_THE_STUDY = re.compile(
    r"(consistency|edsr|flow_matching|indi|mc_ddpm|pdm|res_shift|score_mri(_complex)?|sr3|srgan|swinir)"
    r"(_full|_linear|_x[24]|_(none|linear|cosine)_k\d+)?"
)


@cache
def plugins(group: str) -> Mapping[str, Any]:
    """Load what installed packages declare in a group, by the names that they give it.

    Raises:
        MissingDependencyError: a package that declares something cannot be imported.
    """
    found = {}
    for entry in entry_points(group=group):
        try:
            found[entry.name] = entry.load()
        except (ImportError, AttributeError) as error:
            raise MissingDependencyError(
                f"The installed package that provides {entry.value} cannot be loaded ({error}).", "Reinstall or uninstall it."
            ) from error
    return found


def plugin_folders(group: str) -> tuple[Path, ...]:
    """Return the folders of models or recipes that installed packages declare."""
    return tuple(Path(folder) for folder in plugins(group).values())


def missing_study() -> MissingDependencyError:
    """Return the error for what only the package pdm-study can do."""
    return MissingDependencyError("The comparison needs the package pdm-study, which is not installed.", _INSTALL_STUDY)


def refuse_without_study(kind: str, name: str) -> None:
    """Raise where `name` is a model or recipe of the package pdm-study and that package is not installed.

    Args:
        kind: "model" or "recipe", for the message.
        name: what was not found.

    Raises:
        MissingDependencyError: the package would have it.
    """
    if STUDY not in plugins(MODELS) and _OF_THE_STUDY.fullmatch(name):
        raise MissingDependencyError(
            f"The {kind} {name} comes with the package pdm-study, which is not installed.", _INSTALL_STUDY
        )

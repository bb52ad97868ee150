"""Recipe files: YAML or JSON, bundled, of another installed package or the user's own; one may extend another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pdm_core.errors import InputError
from pdm_core.plugins import RECIPES, plugin_folders, refuse_without_study

_BUNDLED = Path(__file__).parent / "recipes"
_DEEPEST = 4


def bundled_recipes() -> list[str]:
    """Names of the recipes that ship with the package and make models for use."""
    return sorted(path.stem for path in _BUNDLED.glob("*.yaml"))


def recipe_content(path_or_name: str | Path, depth: int = 0) -> dict[str, Any]:
    """What a recipe says: that of the recipe which `extends` names, with the entries of its own in their place.

    Entries that are mappings are merged, lists and numbers replaced.

    Raises:
        InputError: the file is missing or is not a mapping, or recipes extend each other.
        MissingDependencyError: the recipe comes with a package that is not installed.
    """
    if depth > _DEEPEST:
        raise InputError(f"The recipe {path_or_name} extends others without end.", "Check the entries extends.")
    try:
        content = yaml.safe_load(_file(path_or_name).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"The recipe {path_or_name} is not valid YAML: {error}.") from error
    if not isinstance(content, dict):
        raise InputError(f"The recipe {path_or_name} must be a mapping of names to values.")
    extended = content.pop("extends", None)
    return content if extended is None else _merged(recipe_content(extended, depth + 1), content)


def _file(path_or_name: str | Path) -> Path:
    folders = (_BUNDLED, *plugin_folders(RECIPES))
    for path in (Path(path_or_name), *(folder / f"{path_or_name}.yaml" for folder in folders)):
        if path.is_file():
            return path
    refuse_without_study("recipe", str(path_or_name))
    raise InputError(
        f"There is no recipe {path_or_name}.", f"Give a YAML file, or a bundled recipe: {', '.join(bundled_recipes())}."
    )


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merged(merged[name], value) if both else value
    return merged

"""What the package holds: every model and recipe by its name, weights that verify, files that stay readable."""

import ast
from pathlib import Path

import pytest

import pdm_study
from pdm_core import find_model
from pdm_core.plugins import MODELS, RECIPES, plugin_folders
from pdm_core.training import load_recipe
from pdm_core.zoo import list_models, read_card, verify_model

PACKAGE = Path(pdm_study.__file__).parent
NAMES = sorted(path.stem for path in pdm_study.WEIGHTS.glob("*.json"))
RECIPE_NAMES = sorted(path.stem for path in pdm_study.RECIPES.glob("[!_]*.yaml"))


def test_the_package_is_installed_and_every_model_has_its_recipe():
    assert pdm_study.WEIGHTS in plugin_folders(MODELS) and pdm_study.RECIPES in plugin_folders(RECIPES)
    assert NAMES == RECIPE_NAMES and len(NAMES) == 26


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_found_by_its_name_and_verifies(name):
    card = find_model(name)
    verify_model(card)
    assert card.weights.parent == pdm_study.WEIGHTS and name not in {offered.name for offered in list_models()}
    path = card.weights.with_suffix(".json")
    assert read_card(path).as_json() == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in RECIPE_NAMES if not name.startswith("consistency")])
def test_recipes_are_valid(name):
    assert load_recipe(name).name == name


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_files_stay_readable(path):
    text = path.read_text(encoding="utf-8")
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert text.count("\n") <= 300 and all(node.end_lineno - node.lineno < 60 for node in functions)

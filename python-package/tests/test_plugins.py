"""What other installed packages add: found by entry points, and missed with the way to install it."""

from importlib.metadata import EntryPoint

import pytest

from pdm_core import InputError, MissingDependencyError, find_model, list_models, plugins
from pdm_core.cli.main import main
from pdm_core.training import load_recipe
from pdm_core.zoo import list_system_models

NAMES = [
    "sr3_cosine_k25", "sr3_none_k50", "sr3", "pdm", "pdm_full", "pdm_linear", "edsr_x2", "swinir_x4", "srgan_x4",
    "consistency", "consistency_full", "mc_ddpm_cosine_k25", "score_mri_complex", "score_mri_cosine_k25",
    "flow_matching", "indi", "res_shift",
]  # fmt: skip


@pytest.fixture
def installed(monkeypatch):
    """Declares the only entry points that there are."""

    def declare(**points):
        entries = [EntryPoint(name, value, group) for group, (name, value) in points.items()]
        known = {"models": plugins.MODELS, "recipes": plugins.RECIPES, "commands": plugins.COMMANDS}
        chosen = lambda group: [entry for entry in entries if known[entry.group] == group]
        monkeypatch.setattr(plugins, "entry_points", chosen)
        plugins.plugins.cache_clear()

    yield declare
    plugins.plugins.cache_clear()


@pytest.fixture
def nothing_installed(installed):
    installed()


@pytest.mark.parametrize("name", NAMES)
def test_a_model_or_recipe_of_the_comparison_names_the_package_that_has_it(nothing_installed, name):
    for kind, find in (("model", find_model), ("recipe", load_recipe)):
        with pytest.raises(MissingDependencyError, match=f"The {kind} {name} comes with the package pdm-study") as refusal:
            find(name)
        assert "pip install" in refusal.value.hint


@pytest.mark.parametrize("name", ["sr4", "pdm2", "edsr_x3", "my_sr3"])
def test_other_unknown_names_are_as_unknown_as_before(nothing_installed, name):
    for find in (find_model, load_recipe):
        with pytest.raises(InputError, match=name):
            find(name)


@pytest.mark.parametrize("words", [["study"], ["study", "--help"], ["study", "paper", "--all", "-o", "x"], ["study", "--all"]])
def test_the_command_of_a_missing_package_says_how_to_install_it(nothing_installed, capsys, words):
    assert main(words) == 3
    message = capsys.readouterr().err.strip()
    assert "pip install ./python-package/studies" in message and "\n" not in message
    assert main(["models", "list", "--systems"]) == 3


def test_models_and_recipes_of_another_package_are_found_but_not_offered(installed, a_tiny_model, tmp_path, monkeypatch):
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "brisk.yaml").write_text("{extends: fast, name: brisk}")
    module = tmp_path / "a_further_package.py"
    module.write_text(f"MODELS = {str(a_tiny_model.weights.parent)!r}\nRECIPES = {str(folder)!r}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    installed(models=("more", "a_further_package:MODELS"), recipes=("more", "a_further_package:RECIPES"))
    assert find_model("tiny").weights == a_tiny_model.weights
    assert [card.name for card in list_system_models()] == ["tiny"]
    assert "tiny" not in {card.name for card in list_models()}
    assert load_recipe("brisk").name == "brisk"


def test_a_package_that_cannot_be_loaded_is_named(installed, capsys):
    installed(commands=("study", "no_such_package.cli"))
    assert main(["study"]) == 3
    assert "no_such_package.cli cannot be loaded" in capsys.readouterr().err

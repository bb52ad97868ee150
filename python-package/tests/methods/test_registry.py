"""The registry: what a recipe takes over from its method, and that the parts of each system fit each other."""

import pytest
import torch

from pdm_core.diffusion import build_denoiser
from pdm_core.errors import InputError
from pdm_core.methods.registry import METHODS, find_method
from pdm_core.networks import build_network
from pdm_core.training import load_recipe


@pytest.fixture
def a_recipe_file(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize("name", METHODS)
def test_the_parts_of_a_system_in_its_published_size_fit_each_other(a_recipe_file, name):
    recipe = load_recipe(a_recipe_file("own.yaml", f"{{name: own, method: {name}}}"))
    with torch.device("meta"):
        network = build_network(recipe.network)
        denoiser = build_denoiser(network, recipe.bridge, recipe.parameterization, ((2.0, 0.05), (4.0, 0.1)))
        image = torch.empty(1, denoiser.images.channels, 64, 64)
        # The estimate of m_t is what every rule can ask for.
        assert denoiser.mixture(image, image, 0.5, 2.0).shape == image.shape
    assert METHODS[name].sampling(recipe.bridge, recipe.parameterization)["steps"] >= 1


def test_a_partial_process_takes_its_share_of_the_steps_and_alignment_the_papers_rule():
    sampling = METHODS["sr3"].sampling({"steps": 100, "start": 25, "alignment": "cosine"}, "epsilon")
    assert (sampling["steps"], sampling["rule"]) == (25, "paper")
    assert METHODS["sr3"].sampling({"steps": 100, "start": 50, "alignment": "none"}, "epsilon")["rule"] == "consistent"
    assert METHODS["pdm"].sampling(METHODS["pdm"].bridge, "residual")["rule"] == "consistent"


def test_there_is_no_method_of_another_name():
    with pytest.raises(InputError, match="no method 'sr4'"):
        find_method("sr4")


def test_a_recipe_that_extends_another_changes_what_it_says_and_keeps_the_rest(a_recipe_file):
    below = a_recipe_file("below.yaml", "{name: a, method: score_mri, network: {preset: ncsnpp_small, inputs: 1}, batch: 3}")
    above = a_recipe_file("above.yaml", f"{{extends: '{below}', name: b, bridge: {{start: 500}}, network: {{inputs: 2}}}}")
    recipe = load_recipe(above)
    assert (recipe.name, recipe.batch, recipe.network) == ("b", 3, {"preset": "ncsnpp_small", "inputs": 2})
    assert recipe.bridge == {"kind": "ve", "steps": 2000, "start": 500, "alignment": "none"}
    assert (recipe.parameterization, recipe.loss) == ("score", "mse")


def test_recipes_that_extend_each_other_are_refused(a_recipe_file):
    path = a_recipe_file("round.yaml", "name: a")
    a_recipe_file("round.yaml", f"{{extends: '{path}', name: a}}")
    with pytest.raises(InputError, match="without end"):
        load_recipe(path)

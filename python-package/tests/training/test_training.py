"""Training: pairs, losses, recipes, and a run that learns, resumes exactly and publishes a working model."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from pdm_core import Volume, write_volume
from pdm_core.degradation.kspace import lowres_size, project
from pdm_core.diffusion import build_denoiser
from pdm_core.errors import CancelledError, InputError
from pdm_core.networks import build_network
from pdm_core.publishing.export import publish
from pdm_core.training import load_recipe, train
from pdm_core.training.dataset import DataSource, SelectionRules, prepare
from pdm_core.training.loss import denoising_loss, draw_times, learning_rate_scale
from pdm_core.training.pairs import PairSampler, residual_spread
from pdm_core.training.recipe import Recipe
from pdm_core.training.recipe_files import bundled_recipes
from pdm_core.training.slices import SliceStack
from pdm_core.zoo import verify_model

WORDS = {
    "title": "t", "purpose": "p", "licence": "l", "data": [{"name": "made here"}], "contrasts": ["c"], "spacing_mm": [1, 2],
}  # fmt: skip


def some_edges(seed, slices=4, size=72):
    """Discs of random place and brightness: their residual can be predicted."""
    random = np.random.default_rng(seed)
    j, i = np.mgrid[:size, :size]
    array = np.zeros((slices, size, size), np.float32)
    for image in array:
        for _ in range(8):
            y, x, radius = random.uniform(0, size, 3) * (1, 1, 0.25)
            image[(j - y) ** 2 + (i - x) ** 2 < radius**2] += random.uniform(50, 200)
    return array


def a_stack(slices):
    return SliceStack("a", slices, tuple(range(len(slices))))


@pytest.fixture(scope="module")
def a_dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    splits = []
    for number, split in enumerate(("train", "val")):
        (root / "discs" / split).mkdir(parents=True)
        write_volume(Volume(some_edges(number), np.eye(4)), root / "discs" / split / "v.nii.gz")
        splits.append({"case": split, "path": f"discs/{split}", "split": split, "images": ["v.nii.gz"]})
    (root / "splits.json").write_text(json.dumps(splits))
    return prepare(root, tmp_path_factory.mktemp("dataset"), SelectionRules(min_matrix=64))


def a_recipe(**changes):
    settings = {
        "name": "small", "network": {"preset": "fast", "channels": [16, 32], "blocks": 1, "detail": 8},
        "data": (DataSource("discs"),), "crop": 48, "batch": 4, "iterations": 60, "learning_rate": 3e-3, "warmup": 5,
        "ema": 0.9, "validate_every": 30, "card": WORDS,
    }  # fmt: skip
    return Recipe(**{**settings, **changes})


def weights_of(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def test_a_run_learns_and_publishes_a_model_that_verifies(a_dataset, tmp_path):
    recipe = a_recipe(iterations=150, validate_every=75)
    train(recipe, tmp_path, dataset=a_dataset)
    history = json.loads((tmp_path / "history.json").read_text())
    assert history[-1]["psnr_gain_x2"] > 0.3
    assert history[-1]["loss"] < history[0]["loss"]
    card = publish(recipe, tmp_path, a_dataset)
    verify_model(card)
    assert card.training["validation"]["step"] == 150


@pytest.mark.parametrize("precision", ["", "bfloat16"])
def test_the_same_seed_gives_the_same_weights_and_a_broken_run_goes_on_as_if_never_broken(a_dataset, tmp_path, precision):
    recipe = a_recipe(iterations=20, validate_every=10, precision=precision)
    train(recipe, tmp_path / "whole", dataset=a_dataset)
    asked = iter([False] * 13 + [True])
    with pytest.raises(CancelledError, match="go on from step 13"):
        train(recipe, tmp_path / "broken", dataset=a_dataset, cancel=lambda: next(asked))
    train(recipe, tmp_path / "broken", dataset=a_dataset)
    whole, broken = weights_of(tmp_path / "whole"), weights_of(tmp_path / "broken")
    for part in ("network", "average"):
        for name, value in whole[part].items():
            torch.testing.assert_close(broken[part][name], value, rtol=0, atol=0)


def test_bfloat16_learns_about_the_same_and_leaves_the_weights_in_float32(a_dataset, tmp_path):
    losses = {}
    for precision in ("", "float32", "bfloat16"):
        train(a_recipe(iterations=40, validate_every=40, precision=precision), tmp_path / precision / "run", dataset=a_dataset)
        losses[precision] = json.loads((tmp_path / precision / "run" / "history.json").read_text())[0]["loss"]
    assert losses[""] == losses["float32"] != losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)
    assert {value.dtype for value in weights_of(tmp_path / "bfloat16" / "run")["network"].values()} == {torch.float32}


def test_a_checkpoint_of_another_recipe_is_refused(a_dataset, tmp_path):
    train(a_recipe(iterations=2), tmp_path, dataset=a_dataset)
    with pytest.raises(InputError, match="another recipe or dataset \\(different: seed\\)"):
        train(a_recipe(iterations=2, seed=1), tmp_path, dataset=a_dataset)
    with pytest.raises(InputError, match="already holds a run"):
        train(a_recipe(iterations=2), tmp_path, dataset=a_dataset, resume=False)
    content = weights_of(tmp_path)
    content["recipe"] = {name: value for name, value in content["recipe"].items() if value}
    torch.save(content, tmp_path / "checkpoint.pt")
    assert train(a_recipe(iterations=2), tmp_path, dataset=a_dataset) == tmp_path / "checkpoint.pt"


@pytest.mark.parametrize("loss", ["l1", "mse", "huber"])
@pytest.mark.parametrize("parameterization", ["residual", "epsilon"])
def test_every_loss_and_parameterisation_trains(a_dataset, tmp_path, loss, parameterization):
    network = {"preset": "fast", "channels": [16, 32], "blocks": 1, "detail": 8}
    if parameterization == "epsilon":
        network["inputs"] = 2
    recipe = a_recipe(network=network, parameterization=parameterization, loss=loss, iterations=60)
    train(recipe, tmp_path, dataset=a_dataset)
    torch.manual_seed(recipe.seed)
    fresh = build_denoiser(build_network(network), recipe.bridge, parameterization, [(2.0, 0.1)])
    trained = build_denoiser(build_network(network), recipe.bridge, parameterization, [(2.0, 0.1)])
    trained.network.load_state_dict(weights_of(tmp_path)["average"])
    stacks = a_dataset.stacks("train", recipe.data)
    pairs = PairSampler(stacks, (1.5, 4.0), 48, 0.0).draw(16, (5,))
    times, noise = np.linspace(0.1, 1.0, 16), torch.randn(pairs.x_hr.shape, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        before, after = (float(denoising_loss(model, pairs, times, noise, loss)) for model in (fresh, trained))
    assert after < before


def test_pairs_are_made_from_whole_slices_before_cropping():
    images = torch.from_numpy(some_edges(0)) / 100
    # An odd low-resolution matrix has no Nyquist bin: P then commutes with the flips of the augmentation.
    factor = 72 / 35
    sampler = PairSampler([a_stack(images)], (factor, factor), 72, 0.0)
    pairs = sampler.draw(6, (0,))
    size = lowres_size((72, 72), factor)
    torch.testing.assert_close(pairs.x_lr, project(pairs.x_hr, size), rtol=0, atol=1e-5)
    again = sampler.draw(6, (0,))
    torch.testing.assert_close(again.x_hr, pairs.x_hr, rtol=0, atol=0)


def test_crops_go_on_at_the_opposite_border():
    image = torch.arange(40 * 36, dtype=torch.float32).reshape(1, 40, 36)
    pairs = PairSampler([a_stack(image)], (2.0, 2.0), 48, 0.0).draw(4, (0,))
    assert pairs.x_hr.shape == (4, 1, 48, 48)
    for crop in pairs.x_hr[:, 0]:
        rows, columns = (40, 36) if (crop[40:] == crop[:8]).all() else (36, 40)
        assert (crop[rows:] == crop[: 48 - rows]).all() and (crop[:, columns:] == crop[:, : 48 - columns]).all()


def test_a_compiled_network_trains_the_weights_that_are_kept(a_dataset, tmp_path, monkeypatch):
    compiled = []
    fuse = torch.compile

    def without_a_compiler(network):
        compiled.append(network)
        return fuse(network, backend="eager")

    monkeypatch.setattr(torch, "compile", without_a_compiler)
    recipe = a_recipe(iterations=4)
    train(recipe, tmp_path / "plain", dataset=a_dataset)
    train(recipe, tmp_path / "compiled", dataset=a_dataset, compiled=True)
    assert len(compiled) == 1
    plain, fused = (weights_of(tmp_path / name)["average"] for name in ("plain", "compiled"))
    assert all(torch.equal(plain[key], fused[key]) for key in plain)


def test_the_residual_grows_with_the_factor():
    spread = residual_spread([a_stack(torch.from_numpy(some_edges(0)) / 100)], (1.5, 4.0))
    assert [factor for factor, _ in spread][:: len(spread) - 1] == [1.5, 4.0]
    assert all(small[1] < large[1] for small, large in pairwise(spread))


def test_times_lie_on_the_bridge_and_dwell_at_its_start():
    times = draw_times(10_000, 0.35, np.random.default_rng(0))
    assert times.min() > 0 and times.max() == 1.0
    assert np.mean(times == 1.0) == pytest.approx(0.35, abs=0.02)


def test_the_learning_rate_warms_up_and_decays():
    curve = [learning_rate_scale(step, 10, 100) for step in range(100)]
    assert curve[0] == 0.1 and max(curve) == 1.0 and curve[-1] < 0.02
    assert curve.index(1.0) in (9, 10)


@pytest.mark.parametrize("name", bundled_recipes())
def test_bundled_recipes_are_valid(name):
    assert load_recipe(name).name == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name: a\nnetwork: {preset: fast}\nepochs: 3", "unknown entries: epochs"), ("- 1", "must be a mapping"),
        ("name: a", "incomplete"), ("name: [", "not valid YAML"), ("name: a\nnetwork: {}\nfactors: [4, 2]", "factors 4 to 2"),
        ("name: a\nnetwork: {}\nmode: sideways", "mode 'sideways'"),
        ("name: a\nnetwork: {}\nmode: through-plane", "takes 3 scalars"),
        ("name: a\nnetwork: {}\nthickness: [2, 1]", "thickness"),
        ("name: a\nnetwork: {}\nloss: l3", "l1, mse or huber"), ("name: a\nnetwork: {}\nbatch: 0", "must be positive"),
        ("name: a\nnetwork: {}\nprecision: half", "precision 'half' must be float32, bfloat16 or left out"),
    ],
)  # fmt: skip
def test_wrong_recipes_are_refused(tmp_path, text, reason):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=reason):
        load_recipe(path)


def test_a_recipe_or_data_that_is_not_there_is_refused(a_dataset, tmp_path):
    with pytest.raises(InputError, match="no recipe"):
        load_recipe("nowhere.yaml")
    with pytest.raises(InputError, match="no train volume in nowhere"):
        train(a_recipe(data=(DataSource("nowhere"),)), tmp_path / "run", dataset=a_dataset)

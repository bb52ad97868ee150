"""Training on random acquisitions: pairs, the consistency of validation, and recipes that name them."""

import json

import numpy as np
import pytest
import torch

from pdm_core import Volume, write_volume
from pdm_core.degradation.kspace import lowres_size, project
from pdm_core.errors import InputError
from pdm_core.training import load_recipe, train
from pdm_core.training.dataset import SelectionRules, prepare
from pdm_core.training.degradations import AcquisitionDegradation, KspaceDegradation, degradation_of
from pdm_core.training.pairs import PairSampler
from pdm_core.training.slices import SliceStack

RECIPE = """
name: small
network: {preset: fast, channels: [16, 32], blocks: 1, detail: 8}
degradation: {kind: acquisition, plain: 0.5, hamming: [0.54, 0.7]}
crop: 48
batch: 4
iterations: 4
validate_every: 4
"""


def some_noise(slices=4, size=72, seed=0):
    return np.random.default_rng(seed).standard_normal((slices, size, size)).astype(np.float32)


def an_acquisition(**settings):
    return degradation_of("in-plane", (0.7, 1.3), {"kind": "acquisition", **settings})


def pairs_by(degradation, factor=2.0, crop=72, count=16):
    images = torch.from_numpy(some_noise())
    sampler = PairSampler([SliceStack("a", images, (0, 1, 2, 3))], (factor, factor), crop, 0.0, degradation)
    return sampler.draw(count, (0,))


@pytest.fixture
def a_recipe(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return load_recipe(tmp_path / "recipe.yaml")


def test_plain_acquisitions_of_whole_slices_make_the_pairs_of_cropped_kspace():
    # An odd low-resolution matrix has no Nyquist bin: P then commutes with the flips of the augmentation.
    pairs = pairs_by(an_acquisition(plain=1.0, cut=0.0), factor=72 / 35)
    torch.testing.assert_close(pairs.x_lr, project(pairs.x_hr, lowres_size((72, 72), 72 / 35)), rtol=0, atol=1e-5)


def test_pairs_lack_what_their_acquisition_did_not_measure_and_keep_the_mean():
    pairs = pairs_by(an_acquisition(plain=0.0, shuttered=1.0, filtered=1.0, cut=0.0))
    box = project(pairs.x_hr, (36, 36))
    assert (pairs.x_lr.std(dim=(-2, -1)) < 0.95 * box.std(dim=(-2, -1))).all()
    torch.testing.assert_close(pairs.x_lr.mean(dim=(-2, -1)), pairs.x_hr.mean(dim=(-2, -1)), rtol=0, atol=1e-5)


def test_cut_slices_are_windows_of_at_least_a_crop():
    degradation, random = an_acquisition(cut=1.0), np.random.default_rng(0)
    pairs = [degradation.pair(torch.from_numpy(some_noise()[0]), 2.0, 64, random)[0] for _ in range(20)]
    edges = {edge for pair in pairs for edge in pair.shape[-2:]}
    assert min(edges) == 64 and max(edges) <= 72 and len(edges) > 3
    small = degradation.pair(torch.from_numpy(some_noise(size=40)[0]), 2.0, 64, random)[0]
    assert small.shape[-2:] == (40, 40)


def test_the_same_key_draws_the_same_pairs():
    first, again = (pairs_by(an_acquisition(), crop=48) for _ in range(2))
    torch.testing.assert_close(first.x_lr, again.x_lr, rtol=0, atol=0)


def test_validation_restores_a_shuttered_image_and_keeps_what_was_measured():
    reduction = an_acquisition().reduction((72, 60), 2.0)
    assert reduction.factor == 2.0 and not reduction.acquisition.box
    truth = torch.from_numpy(some_noise(size=72)[:, None, :, :60])
    x_lr = reduction.low_resolution(truth)
    better = reduction.refined(torch.zeros_like(truth), x_lr)
    assert (better - truth).square().sum() < truth.square().sum()
    torch.testing.assert_close(reduction.refined(truth, x_lr), truth, rtol=0, atol=1e-5)
    torch.testing.assert_close(reduction.unmeasured(truth), reduction.refined(truth, torch.zeros_like(truth)))


def test_a_recipe_names_its_degradation_and_trains_by_it(a_recipe, tmp_path):
    degradation = a_recipe.loss_of_resolution
    assert isinstance(degradation, AcquisitionDegradation)
    assert degradation.acquisitions.plain == 0.5 and degradation.acquisitions.hamming == (0.54, 0.7)
    splits = []
    for number, split in enumerate(("train", "val")):
        (tmp_path / "data" / split).mkdir(parents=True)
        write_volume(Volume(1000 + 100 * some_noise(seed=number), np.eye(4)), tmp_path / "data" / split / "v.nii.gz")
        splits.append({"case": split, "path": split, "split": split, "images": ["v.nii.gz"]})
    (tmp_path / "data" / "splits.json").write_text(json.dumps(splits))
    dataset = prepare(tmp_path / "data", tmp_path / "dataset", SelectionRules(min_matrix=64))
    train(a_recipe, tmp_path / "run", dataset=dataset)
    checkpoint = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert checkpoint["recipe"]["degradation"] == {"kind": "acquisition", "plain": 0.5, "hamming": [0.54, 0.7]}
    assert checkpoint["step"] == 4 and np.isfinite(checkpoint["history"][0]["psnr_gain_x2"])


def test_the_bundled_recipe_learns_random_acquisitions_from_the_bundled_model():
    recipe = load_recipe("fast_acquisitions")
    assert recipe.loss_of_resolution == AcquisitionDegradation()
    assert recipe.initial == "fast" and recipe.network == load_recipe("fast").network


def test_without_a_degradation_in_plane_recipes_crop_kspace():
    assert load_recipe("fast").loss_of_resolution == KspaceDegradation()
    assert degradation_of("in-plane", (0.7, 1.3), {"kind": "kspace"}) == KspaceDegradation()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{kind: noise}", "Unknown in-plane degradation 'noise'"),
        ("{kind: slices}", "Unknown in-plane degradation 'slices'"),
        ("{plain: 0.5}", "takes no settings, but has plain"),
        ("{kind: acquisition, shuters: 0.5}", "shuters"),
        ("{kind: acquisition, plain: 2}", "plain"),
        ("{kind: acquisition, hamming: [a, b]}", "hamming"),
    ],
)
def test_a_recipe_with_an_impossible_degradation_is_refused(tmp_path, settings, message):
    content = RECIPE.replace("{kind: acquisition, plain: 0.5, hamming: [0.54, 0.7]}", settings)
    (tmp_path / "recipe.yaml").write_text(content)
    with pytest.raises(InputError, match=message):
        load_recipe(tmp_path / "recipe.yaml")

"""Training between the slices: pairs by slice profiles, made as the pipeline makes them, and a run that learns from them."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from pdm_core import SuperResolutionOptions, Volume, super_resolve, write_volume
from pdm_core.cli.main import main
from pdm_core.degradation.profile import SliceOperator, SliceProfile
from pdm_core.errors import InputError
from pdm_core.evaluation.through_plane import EXACT
from pdm_core.pipeline.placement import measured_only
from pdm_core.publishing.acceptance import accept
from pdm_core.publishing.export import publish
from pdm_core.training import Recipe, train
from pdm_core.training.dataset import SelectionRules, prepare
from pdm_core.training.degradations import SliceDegradation, degradation_of
from pdm_core.training.loop import trained_denoiser
from pdm_core.training.pairs import PairSampler, residual_spread
from pdm_core.training.slices import SliceStack
from pdm_core.zoo import read_card, verify_model, write_card

FACTORS = (1.5, 8.0)
WORDS = {"title": "t", "purpose": "p", "licence": "l", "data": [{"name": "made here"}], "contrasts": ["c"]}


def some_discs(seed, slices=4, size=128):
    """Discs of random place and brightness: what thick slices blur can be guessed."""
    random = np.random.default_rng(seed)
    j, i = np.mgrid[:size, :size]
    array = np.zeros((slices, size, size), np.float32)
    for image in array:
        for _ in range(14):
            y, x, radius = random.uniform(0, size, 3) * (1, 1, 0.2)
            image[(j - y) ** 2 + (i - x) ** 2 < radius**2] += random.uniform(50, 200)
    return array


def some_balls(seed, slices=40, size=64):
    """Balls, whose slices are discs: cut thin, and the same along every axis."""
    random = np.random.default_rng(seed)
    k, j, i = np.mgrid[:slices, :size, :size]
    array = np.zeros((slices, size, size), np.float32)
    for _ in range(40):
        z, y, x, radius = random.uniform(0, 1, 4) * (slices, size, size, 13)
        array[(k - z) ** 2 + (j - y) ** 2 + (i - x) ** 2 < radius**2] += random.uniform(50, 200)
    return array


def a_sampler(images, crop=48, factors=FACTORS, bandwidth_share=0.0):
    stack = SliceStack("a", torch.from_numpy(images) / 100, tuple(range(len(images))))
    return PairSampler([stack], factors, crop, bandwidth_share, SliceDegradation())


def a_recipe(**changes):
    settings = {
        "name": "thin", "mode": "through-plane",
        "network": {"preset": "fast", "channels": [16, 32], "blocks": 1, "detail": 8, "scalars": 3},
        "factors": FACTORS, "crop": 48, "batch": 4, "iterations": 150, "learning_rate": 3e-3, "warmup": 5, "ema": 0.9,
        "validate_every": 75, "card": WORDS,
    }  # fmt: skip
    return Recipe(**{**settings, **changes})


@pytest.fixture(scope="module")
def a_dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    splits = []
    for number, split in enumerate(("train", "val", "test")):
        (root / split).mkdir()
        write_volume(Volume(some_discs(number), np.diag([0.5, 0.5, 3.0, 1.0])), root / split / "v.nii.gz")
        splits.append({"case": split, "path": split, "split": split, "images": ["v.nii.gz"]})
    (root / "thin").mkdir()
    write_volume(Volume(some_balls(9), np.diag([0.5, 0.5, 0.6, 1.0])), root / "thin" / "v.nii.gz")
    splits.append({"case": "thin", "path": "thin", "split": "test", "images": ["v.nii.gz"]})
    (root / "splits.json").write_text(json.dumps(splits))
    return prepare(root, tmp_path_factory.mktemp("dataset"), SelectionRules(min_matrix=64))


def test_pairs_differ_along_the_rows_only_and_know_factor_and_thickness():
    """An image that does not change down the rows loses nothing, one that does not change along them nothing across."""
    stripes = np.tile(np.random.default_rng(0).standard_normal((1, 1, 128)).astype(np.float32), (1, 128, 1))
    pairs = a_sampler(stripes, crop=40).draw(64, (0,))
    assert pairs.x_hr.shape == pairs.x_lr.shape == (64, 1, 40, 40)
    across = (pairs.x_hr - pairs.x_lr).abs().amax(dim=(1, 2, 3))
    down = pairs.x_hr.diff(dim=2).abs().amax(dim=(1, 2, 3)) < 1e-5
    assert 10 < int(down.sum()) < 54
    assert across[down].max() < 1e-4 and across[~down].min() > 1e-2
    assert min(pairs.factor) >= 1.4 and max(pairs.factor) > 4 and len(set(pairs.factor)) > 20
    assert min(pairs.thickness) >= 0.7 and max(pairs.thickness) <= 1.3 and len(pairs.thickness) == 64
    again = a_sampler(stripes, crop=40).draw(64, (0,))
    torch.testing.assert_close(again.x_lr, pairs.x_lr, rtol=0, atol=0)


def test_processes_share_the_pairs_that_one_would_draw():
    sampler = a_sampler(some_discs(0))
    whole = sampler.draw(8, (0,))
    parts = [sampler.draw(8, (0,), rank, 2) for rank in (0, 1)]
    assert parts[0].thickness + parts[1].thickness != () and whole.part(slice(0, 2)).thickness == parts[0].thickness[:2]
    torch.testing.assert_close(whole.part(slice(2, 4)).x_lr, parts[1].part(slice(0, 2)).x_lr, rtol=0, atol=0)


def test_the_low_resolution_is_what_the_pipeline_starts_from():
    """Slices made by A and interpolated by the pipeline's own function give the training's x_LR."""
    image = torch.from_numpy(some_discs(0, 1)[0]) / 100
    reduction = SliceDegradation().reduction((128, 128), 4.0)
    slices = SliceOperator(32, 128, "index0", SliceProfile()).apply(image)
    stack = Volume(np.stack((slices.numpy(),) * 2, axis=1), np.diag([0.5, 0.5, 2.0, 1.0]))
    options = SuperResolutionOptions(mode="through-plane", factor=4.0, thickness_mm=2.0)
    start = measured_only(stack, options).array[:, 0]
    np.testing.assert_allclose(reduction.low_resolution(image).numpy(), start, atol=1e-5)
    estimate = image + 0.3
    torch.testing.assert_close(
        reduction.operator.apply(reduction.refined(estimate, reduction.low_resolution(image))), slices, rtol=0, atol=1e-5
    )


def test_the_residual_grows_with_the_factor():
    stack = SliceStack("a", torch.from_numpy(some_discs(0)) / 100, (0, 1, 2, 3))
    spread = residual_spread([stack], FACTORS, SliceDegradation())
    assert [factor for factor, _ in spread][:: len(spread) - 1] == list(FACTORS)
    assert all(earlier[1] < later[1] for earlier, later in pairwise(spread))


def test_a_run_learns_and_publishes_a_model_that_restores_slices(a_dataset, tmp_path, monkeypatch, capsys):
    recipe = a_recipe()
    train(recipe, tmp_path / "run", dataset=a_dataset)
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert history[-1]["psnr_gain_x3"] > 0.3 and history[-1]["loss"] < history[0]["loss"]
    card = publish(recipe, tmp_path / "run", a_dataset)
    verify_model(card)
    assert (card.mode, card.thickness, card.spacing_mm) == ("through-plane", (0.7, 1.3), (0.75, 4.0))
    assert read_card(card.weights.with_suffix(".json")).thickness == card.thickness
    assert trained_denoiser(recipe, tmp_path / "run", a_dataset).residual_std == card.residual_std
    refuse_without_thin_slices(card, a_dataset)
    measure_thin_slices(card, a_dataset, tmp_path / "zoo", monkeypatch, capsys)
    volume = Volume(some_discs(7, 6, 64), np.diag([0.5, 0.5, 2.0, 1.0]), {"slice_thickness_mm": 2.0})
    options = SuperResolutionOptions(mode="through-plane", factor=None, model=str(card.weights.with_suffix(".json")))
    result = super_resolve(volume, options)
    assert result.volume.shape == (24, 64, 64) and result.provenance["consistency_db"] > 90


def refuse_without_thin_slices(card, dataset):
    """The parts that this run was trained on have thick slices only."""
    path = card.weights.with_suffix(".json")
    learned = {**card.training, "recipe": {**card.training["recipe"], "data": [{"path": "train"}, {"path": "test"}]}}
    write_card(replace(card, training=learned), path)
    with pytest.raises(InputError, match=r"no test volume with thin slices.*24 slices, at most 1.6 times") as refused:
        accept(path.parent, dataset)
    assert f"pdm-sr models import {card.weights} {path}" in refused.value.hint
    write_card(card, path)


def measure_thin_slices(card, dataset, zoo, monkeypatch, capsys):
    monkeypatch.setenv("PDM_ZOO", str(zoo))
    assert main(["models", "add", str(card.weights.parent), "--data", str(dataset.folder), "--device", "cpu"]) == 0
    printed = capsys.readouterr()
    assert "1 of 2 test volumes have no thin slices" in printed.err and "thin is added" in printed.out
    quality = read_card(zoo / "thin.json").quality
    means = {(row["factor"], row["method"]): row for row in quality["through_plane"] if row["case"] == "mean"}
    assert {factor for factor, _ in means} == {3.0, 6.0} and quality["slices"] == "36 central"
    for factor in (3.0, 6.0):
        gain = means[factor, "thin, 1 step"]["psnr"] - means[factor, EXACT]["psnr"]
        assert gain > 0 and f"| mean | x{factor:g} | thin, 1 step |" in printed.out and f"| {gain:+.2f} |" in printed.out


def test_a_model_no_better_than_what_it_starts_from_is_refused(a_dataset, tmp_path):
    recipe = a_recipe(iterations=1, validate_every=1, learning_rate=1e-9)
    train(recipe, tmp_path / "run", dataset=a_dataset)
    publish(recipe, tmp_path / "run", a_dataset)
    with pytest.raises(InputError, match=f"thin is no better than {EXACT} at x3"):
        accept(tmp_path / "run", a_dataset)


def test_there_is_no_other_mode():
    with pytest.raises(InputError, match="no mode 'sideways'"):
        degradation_of("sideways", (0.7, 1.3))

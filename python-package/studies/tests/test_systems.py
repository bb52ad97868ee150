"""Every compared system from its recipe to a restored volume: trained for two steps, published, used."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from pdm_core import SuperResolutionOptions, Volume, super_resolve, write_volume
from pdm_core.cli.main import main
from pdm_core.degradation.kspace import downsample
from pdm_core.methods.registry import find_method
from pdm_core.publishing.export import publish
from pdm_core.training import load_recipe, train
from pdm_core.training.dataset import DataSource, SelectionRules, prepare
from pdm_core.training.recipe_files import recipe_content
from pdm_core.zoo import verify_model
from pdm_study import RECIPES

# `_common` is what the recipes of systems extend.
SYSTEMS = sorted(path.stem for path in RECIPES.glob("[!_]*.yaml"))
# The same kinds of networks with next to no features.
TINY = {
    "pdm_small": {"channels": [16, 16], "blocks": 1}, "sr3_small": {"channels": [4, 8, 8]},
    "ncsnpp_small": {"channels": [4, 8, 8]}, "mc_ddpm_small": {"channels": [4, 8, 8]},
    "edsr_small": {"features": 8, "blocks": 1}, "swinir_small": {"features": 8, "depths": [2], "heads": 2},
    "srresnet_small": {"features": 8, "blocks": 1, "ends": 3},
}  # fmt: skip
SHAPE, SPACING = (2, 40, 36), (0.9, 0.8, 3.0)


@pytest.fixture(scope="module")
def a_dataset(tmp_path_factory):
    root, splits = tmp_path_factory.mktemp("data"), []
    rows, columns = np.mgrid[:48, :48]
    for number, split in enumerate(("train", "val")):
        random = np.random.default_rng(number)
        array = np.zeros((3, 48, 48), np.float32)
        for image in array:
            for _ in range(6):
                row, column, radius = random.uniform(0, 48, 3) * (1, 1, 0.25)
                image[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] += random.uniform(50, 200)
        (root / "discs" / split).mkdir(parents=True)
        write_volume(Volume(array, np.eye(4)), root / "discs" / split / "v.nii.gz")
        splits.append({"case": split, "path": f"discs/{split}", "split": split, "images": ["v.nii.gz"]})
    (root / "splits.json").write_text(json.dumps(splits))
    return prepare(root, tmp_path_factory.mktemp("dataset"), SelectionRules(min_matrix=48))


@pytest.fixture
def a_scan():
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = (-20.0, 11.0, 7.0)
    return Volume(100 * np.random.default_rng(0).random(SHAPE, dtype=np.float32), affine)


@pytest.fixture(scope="module", autouse=True)
def short_validations():
    """No pictures of the runs, and few steps: both are tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pdm_core.training.journal.Journal.write", lambda *arguments: None)
        patch.setattr("pdm_core.training.validation._FEW", 1)
        patch.setattr("pdm_core.training.dataset.preparation.write_report", lambda *arguments, **options: None)
        yield


@pytest.fixture(scope="module")
def a_trained_card(a_dataset, tmp_path_factory):
    """Trains and publishes a system by the name of its recipe, once; returns its card."""
    cards = {}

    def trained(name, teacher):
        if name not in cards:
            folder = tmp_path_factory.mktemp(name)
            recipe = a_small_recipe(name, teacher, folder)
            train(recipe, folder, dataset=a_dataset)
            cards[name] = publish(recipe, folder, a_dataset)
        return cards[name]

    return trained


def a_small_recipe(name, teacher, folder):
    """The recipe of a system, cut down; a student gets `teacher` for the one that its recipe names."""
    source = name
    if "distillation" in recipe_content(name):
        source = folder / "recipe.yaml"
        path = str(teacher.weights.with_suffix(".json"))
        source.write_text(yaml.safe_dump({"extends": name, "distillation": {"teacher": path}}))
    recipe = load_recipe(source)
    return replace(
        recipe,
        network={**recipe.network, **TINY.get(recipe.network["preset"], {})},
        discriminator={"features": 2, "grid": 2, "hidden": 4} if recipe.discriminator else {},
        data=(DataSource("discs"),), crop=32, batch=2, iterations=2, validate_every=2, warmup=1,
    )  # fmt: skip


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_is_trained_published_and_restores_a_volume(name, a_tiny_model, a_trained_card, a_scan):
    card = a_trained_card(name, a_tiny_model)
    verify_model(card)
    assert card.name == name and find_method(card.method).name == card.method
    factor = 4.0 if card.factors[0] == 4.0 else 2.0
    options = SuperResolutionOptions(model=str(card.weights.with_suffix(".json")), factor=factor, steps=2)
    result = super_resolve(a_scan, options)
    slices, rows, columns = SHAPE
    assert result.volume.shape == (slices, factor * rows, factor * columns)
    np.testing.assert_allclose(result.volume.spacing, (SPACING[0] / factor, SPACING[1] / factor, SPACING[2]))
    np.testing.assert_allclose(result.volume.ijk_to_ras[:3, 3], a_scan.ijk_to_ras[:3, 3])
    # What was measured is as it was, though the network has hardly learned anything.
    measured = downsample(torch.from_numpy(result.volume.array).double(), (rows, columns)).numpy()
    # To float32's precision of what such a network makes of the start, where MC-DDPM divides by next to nothing.
    np.testing.assert_allclose(measured, a_scan.array, atol=max(1e-2, 1e-6 * np.abs(result.volume.array).max()))
    assert result.provenance["model"]["name"] == name


def test_a_model_without_alignment_starts_late_on_the_command_line_and_an_aligned_one_refuses_in_a_line(
    a_tiny_model, a_trained_card, a_scan, tmp_path, capsys
):
    scan, out = write_volume(a_scan, tmp_path / "scan.nii.gz"), tmp_path / "out.nii.gz"
    words = ["upsample", str(scan), "-o", str(out), "--start", "0.25", "--sampler", "ddim", "--steps", "4", "--model"]
    plain = a_trained_card("sr3", a_tiny_model).weights.with_suffix(".json")
    assert main([*words, str(plain)]) == 0
    record = json.loads((tmp_path / "out.provenance.json").read_text())
    assert record["options"]["start"] == 0.25
    out.unlink()
    capsys.readouterr()
    aligned = a_trained_card("sr3_cosine_k50", a_tiny_model).weights.with_suffix(".json")
    assert main([*words, str(aligned)]) == 2
    message = capsys.readouterr().err.strip()
    assert "starts at K/T = 0.5; it cannot start at 0.25" in message and len(message.splitlines()) == 1
    assert not out.exists()

"""Zone models: labels in a dataset, examples, the loss, and a run that learns, resumes exactly and publishes a card."""

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pdm_core import Volume, write_volume
from pdm_core.cli.main import main
from pdm_core.errors import CancelledError, InputError
from pdm_core.publishing.export import publish
from pdm_core.training import finished, load_recipe, train
from pdm_core.training.course import score
from pdm_core.training.dataset import Dataset, SelectionRules, prepare
from pdm_core.training.zones.augmentation import looking_different, window_at
from pdm_core.training.zones.examples import ExampleSampler
from pdm_core.training.zones.label_sets import GLAND
from pdm_core.training.zones.loss import partial_cross_entropy, partial_dice_loss, zone_loss
from pdm_core.training.zones.recipe import ZoneRecipe
from pdm_core.training.zones.stacks import labelled_volumes
from pdm_core.zoo import find_zone_model, read_card, verify_model

RULES = SelectionRules(min_matrix=32)
MATRIX = np.diag([-1.0, -1.0, 3.0, 1.0])
WORDS = {"title": "t", "purpose": "p", "licence": "CC BY-NC 4.0", "data": [{"name": "made here"}], "contrasts": ["c"]}


def a_phantom(seed, size=48, slices=6):
    """A bright crescent behind a dark disc: image and labels."""
    random = np.random.default_rng(seed)
    j, i = np.mgrid[:size, :size].astype(float)
    labels = np.zeros((slices, size, size), np.uint8)
    y, x, radius = size / 2 + random.uniform(-4, 4), size / 2 + random.uniform(-4, 4), random.uniform(9, 12)
    labels[1:-1, (j - y) ** 2 + (i - x) ** 2 < radius**2] = 1
    labels[1:-1, (j - y + 3) ** 2 + (i - x) ** 2 < (radius - 3) ** 2] = 2
    image = np.array([60.0, 200.0, 120.0])[labels] + random.normal(0, 8, labels.shape)
    return image.astype(np.float32), labels


def write(folder, name, array):
    folder.mkdir(parents=True, exist_ok=True)
    write_volume(Volume(np.asarray(array, np.float32), MATRIX), folder / f"{name}.nii.gz")


@pytest.fixture(scope="module")
def a_dataset(tmp_path_factory):
    """Three patients to train on, one of them with a gland only, one to validate on and one to test on."""
    root = tmp_path_factory.mktemp("patients")
    splits = []
    for number, split in enumerate(("train", "train", "train", "val", "test")):
        image, labels = a_phantom(number)
        write(root / f"p{number}", "t2", image)
        kind = "gland_pseudo" if number == 2 else "zones_expert"
        write(root / f"p{number}", kind, labels > 0 if number == 2 else labels)
        splits.append({"case": f"p{number}", "path": f"p{number}", "split": split, "images": ["t2.nii.gz"]})
    (root / "splits.json").write_text(json.dumps(splits))
    return prepare(root, tmp_path_factory.mktemp("dataset"), RULES)


def a_recipe(**changes):
    settings = {
        "name": "pieces", "network": {"kind": "zonal_unet", "channels": [8, 16], "detail": 4}, "grid_mm": (3.0, 1.0, 1.0),
        "window": (4, 32, 32), "batch": 2, "iterations": 100, "learning_rate": 1e-2, "warmup": 5, "ema": 0.9,
        "validate_every": 50, "card": WORDS,
    }  # fmt: skip
    return ZoneRecipe(**{**settings, **changes})


def test_a_run_learns_and_publishes_a_zone_model_that_verifies(a_dataset, tmp_path, monkeypatch):
    recipe = a_recipe()
    train(recipe, tmp_path, dataset=a_dataset)
    history = json.loads((tmp_path / "history.json").read_text())
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert set(history[-1]) == {"step", "loss", "dice_pz", "dice_tz", "dice_gland"}
    assert history[-1]["dice_gland"] > 0.7 and finished(recipe, tmp_path)
    assert "Dice" in (tmp_path / "curves.html").read_text()
    card = publish(recipe, tmp_path, a_dataset)
    verify_model(card)
    assert card.mode == "zones" and card.non_commercial and card.window == (32, 32) and card.spacing_mm == (1.0, 1.0)
    assert card.training["validation"] == max(history, key=score)
    assert read_card(tmp_path / "pieces.json").grid_mm == (3.0, 1.0, 1.0)
    monkeypatch.setenv("PDM_ZOO", str(tmp_path / "own"))
    monkeypatch.setattr("pdm_core.segmentation.zones.refuse_unworkable", lambda volume: None)
    assert main(["models", "add", str(tmp_path), "--data", str(a_dataset.folder)]) == 0
    rows = find_zone_model("pieces").quality["zones"]["rows"]
    assert {row["case"] for row in rows} == {"p4/t2"} and all(row["dice"] > 0.3 for row in rows)
    begun = load_recipe(write_recipe(tmp_path, initial=str(tmp_path / "pieces.json")))
    assert begun.network == recipe.network and begun.grid_mm == recipe.grid_mm
    train(begun, tmp_path / "more", dataset=a_dataset)
    first = json.loads((tmp_path / "more" / "history.json").read_text())[0]
    assert first["loss"] < history[0]["loss"]


def write_recipe(folder, **entries):
    content = {"name": "more", "mode": "zones", "iterations": 4, "validate_every": 4, "batch": 2, "window": [4, 32, 32]}
    (folder / "more.yaml").write_text(json.dumps({**content, "card": {"title": "t", "purpose": "p"}, **entries}))
    return folder / "more.yaml"


@pytest.mark.parametrize("network", [{"kind": "zonal_unet", "channels": [8, 16]}, {"kind": "cat_net", "channels": [4, 8]}])
def test_a_broken_run_goes_on_as_if_never_broken(a_dataset, tmp_path, network):
    recipe = a_recipe(network=network, iterations=8, validate_every=4)
    train(recipe, tmp_path / "whole", dataset=a_dataset)
    asked = iter([False] * 5 + [True])
    with pytest.raises(CancelledError, match="go on from step 5"):
        train(recipe, tmp_path / "broken", dataset=a_dataset, cancel=lambda: next(asked))
    train(recipe, tmp_path / "broken", dataset=a_dataset)
    whole, broken = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("whole", "broken"))
    assert whole["history"] == broken["history"]
    for name, value in whole["average"].items():
        torch.testing.assert_close(broken["average"][name], value, rtol=0, atol=0)


def test_a_run_on_other_labels_is_refused(a_dataset, tmp_path):
    train(a_recipe(iterations=1), tmp_path, dataset=a_dataset)
    first = a_dataset.volumes[0]
    doubted = replace(first.labelling, labels=tuple(replace(label, trust=0.5) for label in first.labelling.labels))
    other = replace(a_dataset, volumes=(replace(first, labelling=doubted), *a_dataset.volumes[1:]))
    with pytest.raises(InputError, match="different: labels"):
        train(a_recipe(iterations=1), tmp_path, dataset=other)


def test_examples_do_not_depend_on_who_draws_them(a_dataset):
    sampler = ExampleSampler(labelled_volumes(a_dataset, "train", ()), a_recipe(batch=5))
    whole, shares = sampler.draw(3), [sampler.draw(3, rank, 2) for rank in range(2)]
    for rank, share in enumerate(shares):
        torch.testing.assert_close(share.images, whole.images[rank::2], rtol=0, atol=0)
        torch.testing.assert_close(share.labels, whole.labels[rank::2], rtol=0, atol=0)
    assert whole.images.shape == (5, 1, 4, 32, 32) and (sampler.draw(4).images - whole.images).abs().max() > 0
    assert len(ExampleSampler(labelled_volumes(a_dataset, "train", ()), a_recipe(batch=1)).draw(0, 1, 2)) == 0


def test_labellings_that_differ_are_drawn_in_turn_or_joined(tmp_path):
    """Both readers see the disc; a second one takes its rim for peripheral zone."""
    image, labels = a_phantom(0)
    wider = np.where((labels == 0) & (np.roll(labels, 2, axis=2) == 2), 1, labels)
    for patient in ("p0", "p1"):
        write(tmp_path / "in" / patient, "t2", image)
        write(tmp_path / "in" / patient, "zones_ai_one", labels)
        write(tmp_path / "in" / patient, "zones_ai_two", wider)
    listing = [{"case": name, "path": name, "split": "train", "images": ["t2.nii.gz"]} for name in ("p0", "p1")]
    (tmp_path / "in" / "splits.json").write_text(json.dumps(listing))
    volumes = labelled_volumes(prepare(tmp_path / "in", tmp_path / "out", RULES), "train", ())
    drawn, joined = (
        ExampleSampler(volumes, a_recipe(batch=8, on_gland=1.0, disagreement=name)).draw(0).labels.unique().tolist()
        for name in ("drawn", "either")
    )
    assert drawn == [0, 1, 2] and joined == [0, 1, 2, 5]


def test_windows_show_labels_where_the_image_shows_them():
    labels = torch.from_numpy(a_phantom(0)[1])
    clean = torch.tensor([-1.0, 1.0, 0.0])[labels.long()]
    for seed in range(8):
        seen, marked = window_at(clean, labels, (4, 32, 32), (2.5, 24.0, 24.0), np.random.default_rng(seed))
        expected = torch.tensor([-1.0, 1.0, 0.0])[marked.long()]
        assert ((seen - expected).abs() < 0.5).float().mean() > 0.9
        assert looking_different(seen, np.random.default_rng(seed)).isfinite().all()


def test_back_stays_back():
    """The crescent lies behind the disc in every example: j grows towards the back."""
    labels = torch.from_numpy(a_phantom(1)[1])
    for seed in range(8):
        _, marked = window_at(labels.float(), labels, (4, 40, 40), (2.5, 24.0, 24.0), np.random.default_rng(seed))
        rows = [float((marked == zone).nonzero()[:, 1].float().mean()) for zone in (1, 2)]
        assert rows[0] > rows[1]


def test_the_partial_loss_is_cross_entropy_where_all_is_known():
    logits, labels = torch.randn(2, 3, 4, 5, 6), torch.randint(0, 3, (2, 4, 5, 6))
    expected = torch.nn.functional.cross_entropy(logits, labels, reduction="none").flatten(1).mean(dim=1)
    torch.testing.assert_close(partial_cross_entropy(logits, labels), expected)


def test_gland_without_a_zone_asks_for_the_sum_of_both():
    logits = torch.randn(1, 3, 2, 4, 4)
    gland = torch.full((1, 2, 4, 4), GLAND)
    p = logits.softmax(dim=1)
    torch.testing.assert_close(partial_cross_entropy(logits, gland), -(p[:, 1] + p[:, 2]).log().flatten(1).mean(dim=1))
    swapped = logits[:, [0, 2, 1]]
    torch.testing.assert_close(zone_loss(swapped, gland), zone_loss(logits, gland))


def test_dice_loss_of_the_truth_is_nothing_and_of_a_miss_is_nearly_one():
    labels = torch.zeros(1, 4, 40, 40, dtype=torch.long)
    labels[:, :, :20], labels[:, :, 20:30] = 1, 2
    truth = torch.nn.functional.one_hot(labels, 3).movedim(-1, 1).float()
    assert float(partial_dice_loss(truth, labels)) == pytest.approx(0.0, abs=1e-6)
    assert float(partial_dice_loss(truth.roll(1, dims=1), labels)) > 0.6
    empty = torch.zeros_like(labels)
    assert float(partial_dice_loss(torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1, 1).expand(1, 3, 4, 40, 40), empty)) == 0.0


def test_labels_come_from_beside_the_image_or_from_a_table(tmp_path):
    rows = []
    for number in range(3):
        image, labels = a_phantom(number)
        folder = tmp_path / "archive" / f"p{number}"
        write(folder, "t2", image)
        write(folder, "t2_other_grid", image[:, 4:])
        write(folder, "zones_ai_net", labels)
        paths = {"image": f"archive/p{number}/t2.nii.gz", "zones": f"archive/p{number}/zones_ai_net.nii.gz"}
        rows.append({**paths, "patient": f"p{number}", "trust": "0.9"})
    found = prepare(tmp_path / "archive", tmp_path / "a", RULES)
    assert {record.name.split("/")[1] for record in found.volumes} == {"t2", "t2_other_grid"}
    labelled = {record.name: record.labelling for record in found.volumes if record.labelling is not None}
    assert set(labelled) == {f"p{number}/t2" for number in range(3)}
    assert {label.trust for labelling in labelled.values() for label in labelling.labels} == {0.6}
    assert prepare(tmp_path / "archive", tmp_path / "a", RULES) == found == Dataset.open(tmp_path / "a")
    with (tmp_path / "table.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["image", "zones", "patient", "trust"])
        writer.writeheader()
        writer.writerows(rows)
    listed = prepare(tmp_path / "table.csv", tmp_path / "b", RULES)
    assert [label.trust for record in listed.volumes for label in record.labelling.labels] == [0.9] * 3
    file = tmp_path / "b" / listed.volumes[0].labelling.labels[0].file
    file.write_bytes(file.read_bytes()[:-1] + b"\x07")
    with pytest.raises(InputError, match="missing or damaged"):
        listed.verify()


def test_labels_with_other_values_are_refused(tmp_path):
    image, labels = a_phantom(0)
    write(tmp_path / "archive" / "p", "t2", image)
    write(tmp_path / "archive" / "p", "zones_mine", labels * 2)
    with pytest.raises(InputError, match="hold the values 0, 2, 4"):
        prepare(tmp_path / "archive", tmp_path / "d", RULES)


def test_trust_decides_how_often_a_volume_is_drawn(a_dataset):
    chances = {item.record.name: item.chance for item in labelled_volumes(a_dataset, "train", ())}
    assert chances == {"p0/t2": 1.0, "p1/t2": 1.0, "p2/t2": 0.3}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("window: [4, 8, 8]", "window"),
        ("grid_mm: [1, 1]", "grid_mm needs 3 numbers"),
        ("on_gland: 2", "on_gland"),
        ("factors: [2, 4]", "unknown entries: factors"),
        ("percentiles: [99, 1]", "percentiles"),
    ],
)
def test_wrong_zone_recipes_are_refused(tmp_path, text, reason):
    (tmp_path / "r.yaml").write_text(f"name: r\nmode: zones\nnetwork: {{kind: cat_net}}\n{text}\n")
    with pytest.raises(InputError, match=reason.replace("[", "\\[")):
        load_recipe(tmp_path / "r.yaml")


def test_an_even_guess_costs_log_three():
    logits, labels = torch.zeros(1, 3, 2, 4, 4), torch.randint(0, 3, (1, 2, 4, 4))
    assert float(partial_cross_entropy(logits, labels)) == pytest.approx(math.log(3.0), rel=1e-6)

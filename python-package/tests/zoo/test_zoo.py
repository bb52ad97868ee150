"""Cards and weights: what is refused, what verifies, what survives an import."""

import json
import shutil

import pytest
import torch

from pdm_core.errors import InputError, MissingDependencyError
from pdm_core.zoo import find_model, import_model, list_models, load_model, read_card, verify_model
from pdm_core.zoo.catalogue import BUNDLED


def a_copy(card, folder):
    for suffix in (".safetensors", ".json"):
        shutil.copy(card.weights.with_suffix(suffix), folder)
    return folder / card.weights.with_suffix(".json").name


def changed(path, **entries):
    content = json.loads(path.read_text())
    content.update(entries)
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("card", [read_card(path) for path in sorted(BUNDLED.glob("*.json"))], ids=lambda card: card.name)
def test_bundled_models_verify_and_fit_the_limit(card):
    verify_model(card)
    assert card.weights.stat().st_size <= 16 * 2**20
    assert card.data and card.quality and card.limits


def test_a_published_model_loads_in_float32_and_verifies(tiny_zoo):
    verify_model(tiny_zoo)
    assert next(load_model(tiny_zoo).parameters()).dtype == torch.float32
    assert tiny_zoo.name in {card.name for card in list_models()}
    assert read_card(tiny_zoo.weights.with_suffix(".json")) == tiny_zoo


def test_changed_weights_are_refused(tiny_zoo, tmp_path):
    card = read_card(a_copy(tiny_zoo, tmp_path))
    with card.weights.open("r+b") as stream:
        stream.seek(-1, 2)
        last = stream.read(1)
        stream.seek(-1, 2)
        stream.write(bytes([last[0] ^ 1]))
    with pytest.raises(InputError, match="not those of the card"):
        load_model(card)


def test_missing_weights_are_a_missing_dependency(tiny_zoo, tmp_path):
    card = read_card(a_copy(tiny_zoo, tmp_path))
    card.weights.unlink()
    with pytest.raises(MissingDependencyError, match="missing"):
        load_model(card)


def test_a_card_that_promises_another_result_does_not_verify(tiny_zoo, tmp_path):
    path = changed(a_copy(tiny_zoo, tmp_path), smoke={"mean": 0.5, "std": 0.1})
    with pytest.raises(InputError, match="does not compute"):
        verify_model(read_card(path))


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"colour": 1}, "unknown entries: colour"),
        ({"factors": [2]}, "malformed"),
        ({"network": {"preset": "base"}}, "do not fit"),
    ],
)
def test_wrong_cards_are_refused(tiny_zoo, tmp_path, entries, reason):
    path = changed(a_copy(tiny_zoo, tmp_path), **entries)
    with pytest.raises(InputError, match=reason):
        load_model(read_card(path))


def test_incomplete_and_broken_cards_are_refused(tiny_zoo, tmp_path):
    path = a_copy(tiny_zoo, tmp_path)
    content = json.loads(path.read_text())
    del content["licence"]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="missing entries: licence"):
        read_card(path)
    path.write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        read_card(path)


def test_an_imported_model_is_found_by_name(tiny_zoo, tmp_path, monkeypatch):
    monkeypatch.setenv("PDM_ZOO", str(tmp_path / "own"))
    import_model(tiny_zoo.weights, tiny_zoo.weights.with_suffix(".json"))
    assert find_model("tiny").weights.parent == tmp_path / "own"
    with pytest.raises(InputError, match="Choose one of"):
        find_model("giant")
    with pytest.raises(InputError, match="outside the range"):
        find_model("tiny", 8.0)
    # A matrix of 130 reduced by 4 has 32 pixels: a little more than 4.
    assert find_model("tiny", 130 / 32).supports(130 / 32) and not find_model("tiny").supports(4.1)

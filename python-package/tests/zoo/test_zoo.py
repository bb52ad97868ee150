"""Cards and weights: what is refused, what verifies, what survives an import."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from pdm_core.errors import InputError, MissingDependencyError
from pdm_core.networks import build_zone_network
from pdm_core.zoo import (
    ZoneCard,
    export_model,
    find_model,
    find_models,
    find_zone_model,
    import_model,
    list_models,
    list_zone_models,
    load_model,
    load_zone_network,
    read_card,
    verify_model,
)
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


def test_models_are_listed_and_chosen_by_their_mode(both_zoo):
    assert "thin" in {card.name for card in list_models("through-plane")} and "tiny" not in {
        card.name for card in list_models("through-plane")
    }
    assert find_model("auto", mode="through-plane").name == "thin" and find_model("auto").name == "tiny"
    names = lambda *run: [card.name for card in find_models(*run)]
    assert names("in-plane") == ["tiny"] and names("through-plane") == ["thin"]
    assert names("isotropic", "auto", 2.0) == names("isotropic", "tiny", 2.0) == names("isotropic", "thin", 2.0)
    assert names("isotropic", "auto", 2.0) == ["tiny", "thin"] and names("isotropic", "auto", None) == ["thin"]
    assert read_card(both_zoo.weights.with_suffix(".json")) == both_zoo
    verify_model(both_zoo)


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (("through-plane", "tiny", 2.0), "tiny is for in-plane runs, not for through-plane"),
        (("in-plane", "thin", 2.0), "thin is for through-plane runs, not for in-plane"),
        (("isotropic", "tiny", None), "tiny is for in-plane runs"),
        (("isotropic", "auto", 7.0), "lies outside the range of the model tiny"),
        (("through-plane", "auto", 1.2), "lies outside the range of the model thin"),
        (("through-plane", "thick", 2.0), "no model 'thick'"),
    ],
)
def test_a_model_of_another_mode_or_range_is_refused(both_zoo, run, reason):
    with pytest.raises(InputError, match=reason):
        find_models(*run)


def test_without_a_model_of_a_mode_that_is_said(tiny_zoo, monkeypatch):
    monkeypatch.setattr("pdm_core.zoo.catalogue.BUNDLED", tiny_zoo.weights.parent)
    for mode in ("through-plane", "isotropic"):
        with pytest.raises(MissingDependencyError, match="No through-plane model is installed") as refusal:
            find_models(mode, "auto", 2.0)
        assert "models import" in refusal.value.hint


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*.json")), ids=lambda path: path.stem)
def test_bundled_cards_are_written_as_they_are_read(path):
    assert read_card(path).as_json() == path.read_text(encoding="utf-8")


def a_zone_model(folder, **changes):
    network = {"kind": "zonal_unet", "channels": [8, 16], "detail": 8}
    torch.manual_seed(0)
    card = ZoneCard(
        name="pieces", title="untrained", purpose="tests", version="0", mode="zones", network=network, spacing_mm=(0.3, 1.0),
        contrasts=("noise",), data=(), licence="CC BY-NC 4.0", parameters=0, sha256="", smoke={}, grid_mm=(3.0, 0.8, 0.8),
        slices_mm=(2.5, 4.0), window=(32, 48), percentiles=(1.0, 99.0), labels=("background", "pz", "tz"),
    )  # fmt: skip
    return export_model(build_zone_network(network), replace(card, **changes), folder)


def test_a_zone_model_has_a_card_of_its_own(tiny_zoo, tmp_path, monkeypatch):
    card = a_zone_model(tmp_path)
    assert read_card(tmp_path / "pieces.json") == card and card.non_commercial
    assert not replace(card, licence="CC BY 4.0").non_commercial and not tiny_zoo.non_commercial
    verify_model(card)
    network = load_zone_network(card)
    assert network(torch.zeros(1, 1, 5, 32, 32)).shape == (1, 3, 5, 32, 32)
    monkeypatch.setenv("PDM_ZOO", str(tmp_path / "own"))
    import_model(card.weights, tmp_path / "pieces.json")
    assert find_zone_model("pieces").weights.parent == tmp_path / "own"
    assert "pieces" in {card.name for card in list_zone_models()} and "pieces" not in {card.name for card in list_models()}


def test_models_of_one_kind_are_refused_for_the_other(tiny_zoo, tmp_path):
    zones = a_zone_model(tmp_path)
    with pytest.raises(InputError, match="restores no image"):
        find_model(str(zones.weights.with_suffix(".json")))
    with pytest.raises(InputError, match="finds no zones"):
        find_zone_model(str(tiny_zoo.weights.with_suffix(".json")))
    with pytest.raises(InputError, match="unknown entries: factors"):
        read_card(changed(tmp_path / "pieces.json", factors=[2, 4]))


def test_the_catalogue_reads_a_card_once_and_again_when_it_has_changed(tiny_zoo, tmp_path, monkeypatch):
    path = a_copy(tiny_zoo, tmp_path)
    monkeypatch.setenv("PDM_ZOO", str(tmp_path))
    reads = []
    monkeypatch.setattr("pdm_core.zoo.catalogue.read_card", lambda path: (reads.append(path), read_card(path))[1])
    assert find_model("tiny").title == "untrained"
    reads.clear()
    assert find_model("tiny").title == "untrained" and not reads
    changed(path, title="trained since")
    assert find_model("tiny").title == "trained since" and reads == [path]
    path.unlink()
    with pytest.raises(InputError, match="no model 'tiny'"):
        find_model("tiny")

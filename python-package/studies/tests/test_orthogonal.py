"""Scans across one another: what was seen from the side is measured as what it is."""

import json
import shutil

import numpy as np
import pytest
import torch

from pdm_core import InputError, SuperResolutionOptions, Volume, find_model, write_volume
from pdm_core.cli.main import main
from pdm_core.degradation.profile import SliceOperator, SliceProfile
from pdm_study.orthogonal.evaluation import BASELINE, EXACT, Study, evaluate_orthogonal, find_study, places_of

EDGE, THICK = 48, 4


@pytest.fixture(scope="module")
def truth():
    """Balls of all sizes, 1 mm: K is superior, J posterior, I left."""
    random = np.random.default_rng(0)
    k, j, i = np.indices((EDGE,) * 3)
    array = np.zeros((EDGE,) * 3, np.float32)
    for _ in range(60):
        z, y, x, radius = random.uniform(0, EDGE, 4) * (1, 1, 1, 0.15)
        array[(k - z) ** 2 + (j - y) ** 2 + (i - x) ** 2 < radius**2] += random.uniform(100, 300)
    return array


def a_scan(truth, axis, shift=(0.0, 0.0, 0.0)):
    """`truth` in slices of 4 mm across one of its axes, in a patient who has moved by `shift` (RAS)."""
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0])
    order = (axis, *(other for other in range(3) if other != axis))
    array = torch.from_numpy(truth.transpose(order).copy())
    operator = SliceOperator(EDGE // THICK, EDGE, "fov", SliceProfile())
    slices = operator.apply(array.flatten(1)).reshape(-1, EDGE, EDGE).numpy()
    columns = [2 - other for other in (order[2], order[1], order[0])]
    placed = np.eye(4)
    placed[:, :3] = matrix[:, columns] * (1.0, 1.0, THICK)
    placed[:3, 3] = shift + matrix[:3, columns[2]] * (THICK - 1) / 2.0
    return Volume(slices, placed, {"slice_thickness_mm": float(THICK)})


def a_study(truth, shift=(0.0, 0.0, 0.0)):
    axial = a_scan(truth, 0)
    return Study("one", axial, {"sagittal": a_scan(truth, 2, shift)}, places_of(axial, None))


def test_methods_are_measured_alike_and_the_nearer_one_wins(both_zoo, truth):
    options = [SuperResolutionOptions(mode="through-plane", factor=None, steps=1, device="cpu")]
    rows, views = evaluate_orthogonal(a_study(truth, (0.5, 1.0, -1.0)), options)
    by_name = {row.method: row for row in rows}
    assert list(by_name) == ["linear", BASELINE, EXACT, "thin, 1 step"]
    assert by_name[EXACT].correlation > by_name[BASELINE].correlation > by_name["linear"].correlation > 0.8
    assert 1.1 > by_name[EXACT].sharpness > by_name[BASELINE].sharpness > by_name["linear"].sharpness > 0.2
    assert all(0 < row.edge_correlation < 1 for row in rows)
    side = views["sagittal"]
    real, plain = side.scan.array[side.inside], side.restored[EXACT][side.inside]
    assert plain.mean() == pytest.approx(real.mean(), rel=1e-3) and plain.std() == pytest.approx(real.std(), rel=1e-3)


def test_the_ends_of_the_gland_are_told_apart_whatever_the_order_of_the_slices():
    array = np.zeros((10, 20, 20), np.float32)
    array[2:8, 5:9, 10:14] = 1.0
    for direction in (1.0, -1.0):
        mask = Volume(array, np.diag([1.0, 1.0, 3.0 * direction, 1.0]))
        places = places_of(mask, mask)
        assert places["base"][2] > places["middle"][2] > places["apex"][2]
        np.testing.assert_allclose(places["base"], (11.5, 6.5, 21.0 if direction > 0 else -6.0))
    np.testing.assert_allclose(places_of(mask, None)["middle"], (9.5, 9.5, -13.5))


@pytest.fixture
def some_data(tmp_path, truth):
    entry = {"case": "one", "path": "one", "split": "test", "images": ["t2_tra.nii.gz", "t2_sag.nii.gz"], "labels": []}
    (tmp_path / "one").mkdir()
    write_volume(a_scan(truth, 0), tmp_path / "one" / "t2_tra.nii.gz")
    write_volume(a_scan(truth, 2), tmp_path / "one" / "t2_sag.nii.gz")
    lonely = {"case": "two", "path": "one", "split": "test", "images": ["t2_tra.nii.gz"], "labels": []}
    (tmp_path / "splits.json").write_text(json.dumps([entry, lonely]))
    return tmp_path


def test_the_command_prints_writes_and_draws(both_zoo, some_data, capsys):
    out = some_data / "out"
    words = ["study", "orthogonal", "--data", str(some_data), "--cases", "one", "--models", "thin", "-o", str(out)]
    assert main([*words, "--thickness-matching", "none", "residual"]) == 0
    printed = capsys.readouterr().out
    assert "| one | sagittal | thin, 1 step, matching by residual |" in printed
    assert "pdm-sr study orthogonal --split test --cases one" in printed
    assert {path.name for path in out.iterdir()} == {f"orthogonal.{end}" for end in ("md", "csv", "json")} | {
        "one-sagittal.png"
    }
    assert (out / "one-sagittal.png").read_bytes()[:4] == b"\x89PNG"


def test_a_card_keeps_what_was_measured_of_other_cases_factors_and_kinds(both_zoo, some_data, monkeypatch):
    shutil.copytree(both_zoo.weights.parent, some_data / "zoo")
    monkeypatch.setenv("PDM_ZOO", str(some_data / "zoo"))
    words = ["--data", str(some_data), "--cases", "one", "--models", "thin", "--steps", "1", "--update-cards"]
    between = (["evaluate", "--through-plane", "--factors", factor] for factor in ("2", "3", "3"))
    for command in (["study", "orthogonal"], *between):
        assert main([*command, *words]) == 0
    quality = find_model("thin").quality
    rows = [(row["case"], row["factor"]) for row in quality["through_plane"] if row["method"] == "linear"]
    assert rows == [("one", 2.0), ("one", 3.0), ("mean", 2.0), ("mean", 3.0)]
    assert [command.split("--factors ")[1][0] for command in quality["command"].split("; ")] == ["2", "3"]
    assert [row["method"] for row in quality["orthogonal"]["rows"]] == ["linear", BASELINE, EXACT, "thin, 1 step"]


def test_a_case_without_scans_across_is_refused(some_data):
    with pytest.raises(InputError, match="two has no sagittal or coronal scan"):
        find_study(some_data, "test", "two")
    with pytest.raises(InputError, match="has no case three"):
        find_study(some_data, "test", "three")

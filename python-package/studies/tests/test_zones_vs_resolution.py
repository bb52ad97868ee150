"""The study of resolution and zones: what is compared, paired differences, and the command."""

import json
import shutil
from dataclasses import replace

import pytest

from pdm_core.cli.main import main
from pdm_core.evaluation.zones import labelled_cases
from pdm_core.zoo import read_card
from pdm_study.zones_vs_resolution import UNDEGRADED, StudyRow, differences, study_zones


def test_the_study_by_the_console(a_labelled_folder, seeing, tmp_path):
    out, card = tmp_path / "out", tmp_path / "seer.json"
    for path in (seeing.weights, seeing.weights.with_suffix(".json")):
        shutil.copy(path, tmp_path)
    command = ["study", "zones", "--data", str(a_labelled_folder), "--zone-models", str(card), "-o", str(out)]
    assert main([*command, "--models", "tiny", "--factors", "1", "2", "--slice-factors", "2", "--update-cards"]) == 0
    content = json.loads((out / "zones_study.json").read_text())
    assert {row["method"] for row in content["rows"]} >= {"zero filling", "bicubic", UNDEGRADED, "tiny, 1 step", "linear"}
    assert (out / "zones_study.png").read_bytes()[1:4] == b"PNG" and (out / "zones_study.md").is_file()
    assert content["command"].startswith("pdm-sr study zones --split test --zone-models seer.json")
    assert content["command"].endswith("--models tiny --factors 1 2 --slice-factors 2")
    assert read_card(card).quality["zones_study"]["rows"] == content["rows"]


def test_the_undegraded_image_agrees_with_itself_and_a_gland_tells_of_no_zone(a_labelled_folder, seeing):
    (item,) = labelled_cases(a_labelled_folder)
    gland = (next(iter(item.zones.values())) > 0).astype("uint8")
    rows = study_zones([replace(item, zones={}, glands={"net": gland})], "seer", [], {"in-plane": (1.0, 4.0)}, device="cpu")
    assert all(row.dice_undegraded == 1.0 for row in rows if row.method == UNDEGRADED)
    assert all((row.dice is None) == (row.structure != "gland") for row in rows)
    zero = {row.structure: row for row in rows if row.method == "zero filling"}
    assert zero["gland"].dice_undegraded < 1.0


def a_row(case, method, dice, factor=2.0):
    return StudyRow(case, "in-plane", factor, method, "gland", dice, 0.5)


def test_differences_are_paired_by_case():
    cases = {"a": (0.5, 0.6), "b": (0.9, 0.9), "c": (0.2, 0.5)}
    rows = [row for case, (base, own) in cases.items() for row in (a_row(case, "zero filling", base), a_row(case, "m", own))]
    gain, stable = differences(rows)
    assert gain.measure == "dice" and gain.mean == pytest.approx(0.4 / 3) and gain.cases == 3
    assert 0.0 <= gain.low < gain.mean < gain.high <= 0.3
    assert stable.mean == stable.low == stable.high == 0.0

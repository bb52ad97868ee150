"""The table of a labelled case, and the study of resolution."""

import json
import shutil

import numpy as np
import pytest

from pdm_core import Volume, write_volume
from pdm_core.cli.main import main
from pdm_core.errors import InputError
from pdm_core.evaluation.cases import Case
from pdm_core.evaluation.zone_study import UNDEGRADED, StudyRow, differences, study_zones
from pdm_core.evaluation.zones import LabelledCase, evaluate_zones, labelled_cases
from pdm_core.zoo import read_card

MATRIX = np.diag([-1.0, -1.0, 4.0, 1.0])


def the_image(shape=(12, 64, 64)):
    """What the zone model `seer` calls peripheral (0) in front of what it calls transition zone (1)."""
    array = np.full(shape, -1.0, np.float32)
    array[2:10, 16:40, 16:48], array[2:10, 40:56, 16:48] = 0.0, 1.0
    return Volume(array, MATRIX)


def its_labels(moved=0):
    labels = np.zeros((12, 64, 64), np.uint8)
    labels[2:10, 16 + moved : 40, 16:48], labels[2:10, 40:56, 16:48] = 1, 2
    return labels


@pytest.fixture
def a_labelled_folder(tmp_path):
    folder = tmp_path / "prostate" / "a"
    folder.mkdir(parents=True)
    files = {"t2_tra": the_image().array, "zones_expert_one": its_labels(), "zones_expert_two": its_labels(8)}
    files["gland_pseudo_net"] = its_labels() > 0
    for name, array in files.items():
        write_volume(Volume(np.asarray(array, np.float32), MATRIX), folder / f"{name}.nii.gz")
    entry = {"case": "a", "path": "prostate/a", "split": "test", "images": ["t2_tra.nii.gz"]}
    labels = [f"{name}.nii.gz" for name in files if name != "t2_tra"]
    (tmp_path / "splits.json").write_text(json.dumps([{**entry, "labels": labels}]))
    return tmp_path


def test_each_reader_is_a_reference_and_the_readers_are_compared(a_labelled_folder, seeing):
    rows = evaluate_zones(labelled_cases(a_labelled_folder), ["seer"], device="cpu")
    by_key = {(row.found, row.reference, row.structure): row for row in rows}
    assert len(by_key) == len(rows) == 9
    first = by_key["seer", "expert one", "peripheral zone"]
    assert first.dice > 0.95 and first.hd95_mm < 2.5
    human = by_key["expert two", "expert one", "peripheral zone"]
    assert human.dice == pytest.approx(2 * 8 / (12 + 8)) and human.hd95_mm == 8.0
    assert by_key["expert two", "expert one", "transition zone"].dice == 1.0


def test_cases_without_labels_are_refused(a_labelled_folder):
    with pytest.raises(InputError, match="no labelled case"):
        labelled_cases(a_labelled_folder, "val")
    with pytest.raises(InputError, match="no labelled case b"):
        labelled_cases(a_labelled_folder, "test", ["b"])


def test_the_table_and_the_study_by_the_console(a_labelled_folder, seeing, tmp_path, capsys):
    out, card = tmp_path / "out", tmp_path / "seer.json"
    for path in (seeing.weights, seeing.weights.with_suffix(".json")):
        shutil.copy(path, tmp_path)
    command = ["evaluate", "--zones", "--data", str(a_labelled_folder), "--zone-models", str(card), "-o", str(out)]
    assert main([*command, "--update-cards"]) == 0
    assert "| a | seer | expert one | gland |" in capsys.readouterr().out
    study = ["--study", "--models", "tiny", "--factors", "1", "2", "--slice-factors", "2"]
    assert main([*command, *study]) == 0
    content = json.loads((out / "zones_study.json").read_text())
    assert {row["method"] for row in content["rows"]} >= {"zero filling", "bicubic", UNDEGRADED, "tiny, 1 step", "linear"}
    assert (out / "zones_study.png").read_bytes()[1:4] == b"PNG" and (out / "zones.md").is_file()
    assert content["command"].endswith("--study --models tiny --factors 1 2 --slice-factors 2")
    assert {row["found"] for row in read_card(card).quality["zones"]["rows"]} == {"seer", "expert two"}


def test_the_undegraded_image_agrees_with_itself_and_a_gland_tells_of_no_zone(seeing):
    item = LabelledCase(Case("a", the_image), {}, {"net": (its_labels() > 0).astype(np.uint8)})
    rows = study_zones([item], "seer", [], {"in-plane": (1.0, 4.0)}, device="cpu")
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

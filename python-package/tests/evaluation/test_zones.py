"""The table of a labelled case: models and readers against every reader."""

import json
import shutil

import pytest

from pdm_core.cli.main import main
from pdm_core.errors import InputError
from pdm_core.evaluation.zones import evaluate_zones, labelled_cases
from pdm_core.zoo import read_card


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


def test_the_table_by_the_console(a_labelled_folder, seeing, tmp_path, capsys):
    out, card = tmp_path / "out", tmp_path / "seer.json"
    for path in (seeing.weights, seeing.weights.with_suffix(".json")):
        shutil.copy(path, tmp_path)
    command = ["evaluate", "--zones", "--data", str(a_labelled_folder), "--zone-models", str(card), "-o", str(out)]
    assert main([*command, "--update-cards"]) == 0
    assert "| a | seer | expert one | gland |" in capsys.readouterr().out and (out / "zones.md").is_file()
    content = json.loads((out / "zones.json").read_text())
    assert content["command"] == "pdm-sr evaluate --zones --split test --zone-models seer.json"
    assert {row["found"] for row in read_card(card).quality["zones"]["rows"]} == {"seer", "expert two"}

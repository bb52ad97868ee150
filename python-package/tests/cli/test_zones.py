"""Zones on the command line: alone and after super-resolution, one volume and many; what is written, said and refused."""

import csv
import json

import numpy as np
import pytest

from pdm_core import Volume, read_volume, write_volume
from pdm_core.cli.main import main

pytestmark = pytest.mark.usefixtures("seeing")
QUICK = ["--model", "tiny", "--device", "cpu", "--steps", "1"]


def a_phantom():
    """Tissue with two bright blocks, the brighter one in front: 60 mm in columns to the left and rows to the back."""
    array = np.random.default_rng(0).uniform(99, 101, (20, 60, 60))
    array[5:15, 30:42, 15:45] = 400.0
    array[5:15, 12:30, 15:45] = 700.0
    return Volume(array, np.diag([-1.0, -1.0, 3.0, 1.0]))


@pytest.fixture
def a_scan(tmp_path):
    return write_volume(a_phantom(), tmp_path / "scan.nii.gz")


def files(folder):
    return {path.name for path in folder.iterdir() if path.is_file()}


def test_a_segmentation_with_its_record_table_and_licence(a_scan, capsys):
    out = a_scan.with_name("zones.seg.nrrd")
    assert main(["segment", str(a_scan), "-o", str(out), "--device", "cpu"]) == 0
    labels = read_volume(out)
    assert labels.shape == a_phantom().shape and set(np.unique(labels.array)) == {0, 1, 2}
    assert labels.array[10, 20, 30] == 2 and labels.array[10, 36, 30] == 1 and labels.array[10, 55, 5] == 0
    printed = capsys.readouterr()
    assert "Transition zone" in printed.out and " ml" in printed.out and "not for diagnosis" in printed.out
    assert "non-commercial" in printed.err
    record = json.loads(a_scan.with_name("zones.seg.provenance.json").read_text())
    assert record["volumes_ml"]["gland"] > 5 and record["model"]["licence"] == "CC BY-NC 4.0"
    assert b"TerminologyEntry" in out.read_bytes()
    assert files(a_scan.parent) == {"scan.nii.gz", "zones.seg.nrrd", "zones.seg.provenance.json"}


def test_probabilities_are_an_image_for_each_zone(a_scan, capsys):
    words = [
        "segment",
        str(a_scan),
        "-o",
        str(a_scan.with_name("z.nii.gz")),
        "--probabilities",
        str(a_scan.with_name("p.nrrd")),
    ]
    assert main([*words, "--progress", "json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[-1]["event"] == "result" and events[-1]["non_commercial"] and "gland" in events[-1]["volumes_ml"]
    assert any(event["event"] == "warning" and "non-commercial" in event["message"] for event in events)
    labels = read_volume(a_scan.with_name("z.nii.gz")).array
    for label, name in ((1, "p_peripheral_zone.nrrd"), (2, "p_transition_zone.nrrd")):
        probability = read_volume(a_scan.with_name(name)).array
        assert probability.min() >= 0 and probability.max() <= 1
        assert probability[labels == label].mean() > 0.6 > 0.2 > probability[labels == 0].mean()


def test_the_chain_writes_zones_on_both_grids(a_scan, capsys):
    out, zones = a_scan.with_name("out.nii.gz"), a_scan.with_name("zones.seg.nrrd")
    assert main(["upsample", str(a_scan), "-o", str(out), "--zones", str(zones), *QUICK]) == 0
    printed = capsys.readouterr()
    assert "zones.seg.nrrd: zones by model seer" in printed.out and "Peripheral zone" in printed.out
    assert "non-commercial" in printed.err
    fine, coarse = read_volume(zones), read_volume(a_scan.with_name("zones_input.seg.nrrd"))
    assert fine.shape == read_volume(out).shape == (20, 120, 120) and coarse.shape == (20, 60, 60)
    # The first voxel's centre stays in place: every second voxel of the finer grid is one of the input's.
    np.testing.assert_array_equal(fine.array[:, ::2, ::2], coarse.array)
    image, own = (json.loads(a_scan.with_name(f"{name}.provenance.json").read_text()) for name in ("out", "zones.seg"))
    assert image["zones"]["volumes_ml"] == own["volumes_ml"] and own["super_resolution"]["model"]["name"] == "tiny"
    assert own["input"]["shape_kji"] == [20, 120, 120]


def test_a_batch_reports_volumes_and_flags_and_goes_on(a_scan, tmp_path, capsys):
    flat = Volume(100 + np.random.default_rng(0).random((20, 60, 60)), a_phantom().ijk_to_ras)
    write_volume(flat, tmp_path / "flat.nii.gz")
    write_volume(Volume(a_phantom().array[10:11], a_phantom().ijk_to_ras), tmp_path / "single.nii.gz")
    words = ["batch", *(str(tmp_path / f"{name}.nii.gz") for name in ("scan", "flat", "single")), "-o", str(tmp_path / "out")]
    assert main([*words, *QUICK, "--zones"]) == 1
    printed = capsys.readouterr()
    assert "2 done, 1 failed" in printed.out and "with flags" in printed.out and printed.err.count("non-commercial") == 1
    with (tmp_path / "out" / "report.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert float(rows["scan"]["gland_ml"]) == pytest.approx(
        float(rows["scan"]["peripheral_zone_ml"]) + float(rows["scan"]["transition_zone_ml"]), abs=0.01
    )
    assert "1 slice" in rows["single"]["message"] and rows["single"]["gland_ml"] == ""
    made = files(tmp_path / "out")
    assert {"scan_SRx2.nii.gz", "scan_SRx2_zones.seg.nrrd", "scan_SRx2_zones_input.seg.nrrd"} <= made
    first = (tmp_path / "out" / "scan_SRx2.nii.gz").stat().st_mtime_ns
    (tmp_path / "out" / "flat_SRx2_zones_input.seg.nrrd").unlink()
    assert main([*words, *QUICK, "--zones"]) == 1
    rows = {row["case"]: row for row in json.loads((tmp_path / "out" / "report.json").read_text())}
    assert {name: row["status"] for name, row in rows.items()} == {"scan": "kept", "flat": "segmented", "single": "failed"}
    assert rows["scan"]["gland_ml"] > 5 and (tmp_path / "out" / "scan_SRx2.nii.gz").stat().st_mtime_ns == first
    assert main([*words[:2], "-o", str(tmp_path / "out"), *QUICK]) == 0
    rows = {row["case"]: row for row in json.loads((tmp_path / "out" / "report.json").read_text())}
    assert rows["scan"]["status"] == "kept" and rows["single"]["status"] == "failed"


def test_a_finished_batch_gets_its_zones_without_being_restored_again(a_scan, tmp_path, capsys, monkeypatch):
    from pdm_core.pipeline import batch

    def run(*words):
        code = main(["batch", str(a_scan), "-o", str(tmp_path / "out"), *QUICK, "--dtype", "int16", *words])
        (row,) = json.loads((tmp_path / "out" / "report.json").read_text())
        return code, row

    image, zones = tmp_path / "out" / "scan_SRx2.nii.gz", tmp_path / "out" / "scan_SRx2_zones.seg.nrrd"
    record = tmp_path / "out" / "scan_SRx2.provenance.json"
    assert run()[1]["status"] == "done"
    before, told = image.stat().st_mtime_ns, json.loads(record.read_text())
    with monkeypatch.context() as patch:
        patch.delattr(batch, "super_resolve_and_segment")
        code, row = run("--zones")
    assert code == 0 and row["status"] == "segmented" and row["gland_ml"] > 5 and "1 segmented" in capsys.readouterr().out
    kept = run("--zones")[1]
    assert image.stat().st_mtime_ns == before and kept == {**row, "status": "kept", "seconds": kept["seconds"]}
    again = json.loads(record.read_text())
    own = json.loads((tmp_path / "out" / "scan_SRx2_zones.seg.provenance.json").read_text())
    assert own["super_resolution"] == told and again.pop("zones")["volumes_ml"] == own["volumes_ml"] and again == told
    # The same as in one go.
    labels = read_volume(zones).array
    assert main(["batch", str(a_scan), "-o", str(tmp_path / "new"), *QUICK, "--dtype", "int16", "--zones"]) == 0
    np.testing.assert_array_equal(read_volume(tmp_path / "new" / zones.name).array, labels)
    # Another seed is another image.
    code, row = run("--zones", "--seed", "5")
    assert code == 0 and row["status"] == "done" and image.stat().st_mtime_ns != before


def test_zones_that_another_model_found_are_found_anew_and_trusted_by_no_record_before(a_scan, tmp_path, monkeypatch):
    from pdm_core.pipeline import batch

    words = ["batch", str(a_scan), "-o", str(tmp_path / "out"), *QUICK, "--zones"]
    assert main(words) == 0
    record = tmp_path / "out" / "scan_SRx2.provenance.json"
    changed = json.loads(record.read_text())
    changed["zones"]["model"]["sha256"] = "of another model"
    record.write_text(json.dumps(changed))

    def killed(*_arguments, **_settings):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(batch, "write_zone_files", killed)
        assert main(words) == 130
    assert "zones" not in json.loads(record.read_text())
    assert main(words) == 0 and json.loads(record.read_text())["zones"]["model"]["sha256"] != "of another model"
    assert json.loads((tmp_path / "out" / "report.json").read_text())[0]["status"] == "segmented"
    assert not [path for path in (tmp_path / "out").iterdir() if ".part" in path.name]


MISTAKES = {
    "missing file": (["segment", "nowhere.nii.gz", "-o", "{out}"], 2, "does not exist"),
    "unknown ending": (["segment", "{scan}", "-o", "out.stl"], 2, "no ending for an image"),
    "output is input": (["segment", "{scan}", "-o", "{scan}"], 2, "is the input"),
    "unknown model": (["segment", "{scan}", "-o", "{out}", "--model", "giant"], 2, "no zone model 'giant'"),
    "restoring model": (["segment", "{scan}", "-o", "{out}", "--model", "tiny"], 2, "no zone model 'tiny'"),
    "unknown device": (["segment", "{scan}", "-o", "{out}", "--device", "tpu"], 2, "no device 'tpu'"),
    "missing device": (["segment", "{scan}", "-o", "{out}", "--device", "cuda:63"], 3, "cuda:63"),
    "two of a name": (["segment", "{scan}", "-o", "{folder}/p_peripheral_zone.nrrd", "--probabilities", "{folder}/p.nrrd"], 2,
                      "same name"),
    "one slice": (["segment", "{single}", "-o", "{out}"], 2, "1 slice"),
    "one slice for the chain": (["upsample", "{single}", "-o", "{folder}/o.nii.gz", "--zones", "{out}", *QUICK], 2, "1 slice"),
    "zones like the image": (["upsample", "{scan}", "-o", "{out}", "--zones", "{out}", *QUICK], 2, "same name"),
    "one record for both": (
        ["upsample", "{scan}", "-o", "{folder}/o.nii.gz", "--zones", "{folder}/o.mha", *QUICK], 2, "same name"
    ),
    "zones over the input": (["upsample", "{scan}", "-o", "{out}", "--zones", "{scan}", *QUICK], 2, "is the input"),
    "unknown zone model": (
        ["upsample", "{scan}", "-o", "{folder}/o.nii.gz", "--zones", "{out}", "--zone-model", "giant", *QUICK], 2, "'giant'"
    ),
    "batch with an unknown zone model": (
        ["batch", "{scan}", "-o", "{folder}/new", "--zones", "--zone-model", "giant", *QUICK], 2, "'giant'"
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_is_one_clear_line_and_leaves_nothing(mistake, a_scan, tmp_path, capsys):
    pattern, code, reason = MISTAKES[mistake]
    single = write_volume(Volume(a_phantom().array[10:11], a_phantom().ijk_to_ras), tmp_path / "single.nii.gz")
    places = {"scan": a_scan, "out": tmp_path / "out.seg.nrrd", "folder": tmp_path, "single": single}
    assert main([word.format(**places) for word in pattern]) == code
    message = capsys.readouterr().err
    assert message.startswith("pdm-sr: error: ") and reason in message and len(message.strip().splitlines()) == 1
    assert files(tmp_path) == {"scan.nii.gz", "single.nii.gz"} and not (tmp_path / "new").exists()


def test_zone_models_are_listed_shown_and_verified(capsys):
    assert main(["models", "list"]) == 0
    listed = capsys.readouterr().out
    assert any("seer" in line and "zones" in line and "non-commercial" in line for line in listed.splitlines())
    assert main(["models", "list", "--json"]) == 0
    assert {card["name"]: card["mode"] for card in json.loads(capsys.readouterr().out)}["seer"] == "zones"
    assert main(["models", "show", "seer"]) == 0
    assert json.loads(capsys.readouterr().out)["window"] == [48, 48]
    assert main(["models", "verify", "seer"]) == 0
    assert "seer: verified" in capsys.readouterr().out

"""`pdm-sr` as a user meets it: exit codes, one clear line for every mistake, JSON lines, outputs in place."""

import json
import statistics
import subprocess
import sys

import numpy as np
import pytest

from pdm_core import Volume, read_volume, write_volume
from pdm_core.cli.console import LineConsole
from pdm_core.cli.main import main
from pdm_core.progress import ProgressEvent

pytestmark = pytest.mark.usefixtures("tiny_zoo")


@pytest.fixture
def a_scan(tmp_path):
    random = np.random.default_rng(0)
    return write_volume(Volume(100 * random.random((2, 40, 36)), np.diag([1, 1, 3, 1])), tmp_path / "scan.nii.gz")


def upsample(scan, *arguments):
    return main(["upsample", str(scan), "-o", str(scan.with_name("out.nii.gz")), "--model", "tiny", *arguments])


def test_a_volume_comes_out_with_its_provenance(a_scan, capsys):
    assert upsample(a_scan, "--steps", "1") == 0
    result = read_volume(a_scan.with_name("out.nii.gz"))
    assert result.shape == (2, 80, 72)
    record = json.loads(a_scan.with_name("out.provenance.json").read_text())
    assert record["options"]["steps"] == 1
    assert "not for diagnosis" in capsys.readouterr().out
    left = {path.name for path in a_scan.parent.iterdir() if path.is_file()}
    assert left == {"scan.nii.gz", "out.nii.gz", "out.provenance.json"}


def test_the_uncertainty_is_written_beside_it(a_scan):
    spread = a_scan.with_name("spread.nrrd")
    assert upsample(a_scan, "--samples", "2", "--steps", "2", "--uncertainty", str(spread)) == 0
    assert read_volume(spread).shape == (2, 80, 72)


@pytest.mark.parametrize("option", ["-o", "--uncertainty"])
def test_intensities_get_no_ending_of_a_segmentation(a_scan, capsys, option):
    assert upsample(a_scan, option, str(a_scan.with_name("x.Seg.nrrd")), "--samples", "2") == 2
    said = capsys.readouterr().err
    assert "x.Seg.nrrd has the ending of a segmentation" in said and "Use the ending .nrrd without .seg" in said
    assert [path.name for path in a_scan.parent.iterdir() if path.is_file()] == ["scan.nii.gz"]


def test_json_lines_tell_progress_and_result(a_scan, capsys):
    assert upsample(a_scan, "--steps", "2", "--progress", "json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {event["event"] for event in events} >= {"progress", "result"}
    last = [event for event in events if event["event"] == "progress"][-1]
    assert (last["step"], last["of"]) == (4, 4)
    assert events[-1]["event"] == "result"


def test_slices_become_as_fine_as_the_pixels(a_scan, both_zoo, capsys):
    out = str(a_scan.with_name("out.nii.gz"))
    words = ["upsample", str(a_scan), "-o", out, "--mode", "through-plane", "--steps", "1", "--thickness", "2.5"]
    assert main([*words, "--profile", "box"]) == 0
    result = read_volume(out)
    assert result.shape == (6, 40, 36) and result.spacing == pytest.approx((1, 1, 1))
    record = json.loads(a_scan.with_name("out.provenance.json").read_text())
    assert record["geometry"]["profile"] == "box" and record["geometry"]["thickness_mm"] == 2.5
    assert main(["upsample", str(a_scan), "-o", out, "--mode", "isotropic", "--factor", "1.5", "--steps", "1"]) == 0
    assert read_volume(out).shape == (9, 60, 54)
    assert "thickness is not known" in capsys.readouterr().err


def test_a_model_can_be_adapted_to_the_volume(a_scan, both_zoo):
    out = str(a_scan.with_name("out.nii.gz"))
    assert main(["upsample", str(a_scan), "-o", out, "--mode", "through-plane", "--steps", "1", "--adapt", "2"]) == 0
    assert json.loads(a_scan.with_name("out.provenance.json").read_text())["adaptation"]["steps"] == 2


MISTAKES = {
    "missing file": (["upsample", "nowhere.nii.gz", "-o", "{out}"], "does not exist"),
    "missing folder": (["upsample", "{scan}", "-o", "nowhere/out.nii.gz"], "does not exist"),
    "unknown ending": (["upsample", "{scan}", "-o", "out.jpg"], "no ending for an image"),
    "output is input": (["upsample", "{scan}", "-o", "{scan}"], "is the input"),
    "factor zero": (["upsample", "{scan}", "-o", "{out}", "--factor", "0"], "factor 0"),
    "unknown mode": (["upsample", "{scan}", "-o", "{out}", "--mode", "sideways"], "no mode 'sideways'"),
    "thickness zero": (["upsample", "{scan}", "-o", "{out}", "--thickness", "0"], "thickness of 0.0 mm"),
    "unknown profile": (["upsample", "{scan}", "-o", "{out}", "--profile", "bell"], "no profile 'bell'"),
    "wrong mode of a model": (["upsample", "{scan}", "-o", "{out}", "--mode", "through-plane", "--model", "tiny"], "in-plane"),
    "factor one": (["upsample", "{scan}", "-o", "{out}", "--factor", "1"], "factor 1"),
    "factor beyond the model": (["upsample", "{scan}", "-o", "{out}", "--model", "tiny", "--factor", "99"], "1.5 to 4"),
    "factor nan": (["upsample", "{scan}", "-o", "{out}", "--factor", "nan"], "factor nan"),
    "factor not a number": (["upsample", "{scan}", "-o", "{out}", "--factor", "two"], "invalid float"),
    "no steps": (["upsample", "{scan}", "-o", "{out}", "--steps", "0"], "steps 0"),
    "no samples": (["upsample", "{scan}", "-o", "{out}", "--samples", "0"], "samples 0"),
    "eta not a number": (["upsample", "{scan}", "-o", "{out}", "--eta", "half"], "'half' is neither"),
    "output is a folder": (["upsample", "{scan}", "-o", "{folder}"], "no ending for an image"),
    "unknown model": (["upsample", "{scan}", "-o", "{out}", "--model", "giant"], "no model 'giant'"),
    "unknown device": (["upsample", "{scan}", "-o", "{out}", "--device", "tpu"], "no device 'tpu'"),
    "unknown sampler": (["upsample", "{scan}", "-o", "{out}", "--sampler", "euler"], "no sampler 'euler'"),
    "unknown format": (["upsample", "{scan}", "-o", "{out}", "--dtype", "int7"], "no output format 'int7'"),
    "uncertainty of one sample": (["upsample", "{scan}", "-o", "{out}", "--uncertainty", "u.nii.gz"], "two samples"),
    "series of an image": (["upsample", "{scan}", "-o", "{out}", "--series", "3"], "single image"),
    "no output": (["upsample", "{scan}"], "required: -o"),
    "no command": ([], "COMMAND"),
    "unknown recipe": (["train", "nothing.yaml", "-o", "{out}", "--data", "{folder}"], "no recipe"),
    "training on an unknown device": (
        ["train", "--data", "{folder}", "fast", "-o", "{out}", "--device", "tpu"],
        "no device 'tpu'",
    ),
    "training without threads": (["train", "--data", "{folder}", "fast", "-o", "{out}", "--threads", "0"], "--threads 0"),
    "distilling without a teacher": (["distill", "fast", "--data", "{folder}", "-o", "{out}"], "names no teacher"),
    "training for no time": (
        ["train", "--data", "{folder}", "fast", "-o", "{out}", "--max-minutes", "nan"],
        "--max-minutes nan",
    ),
    "preparing nothing": (["prepare", "{folder}/nothing", "-o", "{out}"], "does not exist"),
    "preparing for an impossible split": (["prepare", "{folder}", "-o", "{out}", "--val", "1"], "not possible"),
    "preparing an unknown plane": (["prepare", "{folder}", "-o", "{out}", "--plane", "oblique"], "is no plane"),
    "training on what is not prepared": (
        ["train", "fast", "--data", "{folder}", "-o", "{out}"],
        "no prepared dataset",
    ),
    "no data": (["evaluate", "--data", "{folder}"], "no splits.json"),
    "unknown card": (["models", "show", "giant"], "no model 'giant'"),
    "import of nothing": (["models", "import", "a.safetensors", "a.json"], "does not exist"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_ends_with_exit_code_2_and_one_clear_line(mistake, a_scan, capsys):
    pattern, reason = MISTAKES[mistake]
    places = {"scan": a_scan, "out": a_scan.with_name("out.nii.gz"), "folder": a_scan.parent}
    arguments = [argument.format(**places) for argument in pattern]
    code = main(arguments)
    message = capsys.readouterr().err
    assert code == 2
    assert message.startswith("pdm-sr: error: ")
    assert reason in message
    assert len(message.strip().splitlines()) == 1
    assert [path.name for path in a_scan.parent.iterdir() if path.is_file()] == ["scan.nii.gz"]


def test_a_write_protected_output_is_not_replaced(a_scan, capsys):
    out = a_scan.with_name("out.nii.gz")
    out.write_bytes(b"precious")
    out.chmod(0o444)
    assert upsample(a_scan, "--steps", "1") == 2
    assert "write-protected" in capsys.readouterr().err and out.read_bytes() == b"precious"
    assert main(["batch", str(a_scan), "-o", str(out / "results"), "--model", "tiny"]) == 2
    assert "is a file" in capsys.readouterr().err


def test_a_missing_device_is_exit_code_3(a_scan, capsys):
    assert upsample(a_scan, "--device", "cuda:63") == 3
    assert "cuda:63" in capsys.readouterr().err


def test_cancelling_leaves_no_output(a_scan, monkeypatch, capsys):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("pdm_core.pipeline.super_resolution.super_resolve", interrupted)
    assert upsample(a_scan) == 130
    assert [path.name for path in a_scan.parent.iterdir() if path.is_file()] == ["scan.nii.gz"]


def test_the_record_of_the_input_is_not_overwritten(a_scan, capsys):
    assert upsample(a_scan, "--steps", "1") == 0
    first = a_scan.with_name("out.nii.gz")
    before = first.with_name("out.provenance.json").read_text()
    assert main(["upsample", str(first), "-o", str(first.with_name("out.nrrd")), "--model", "tiny"]) == 2
    assert "the record of the input" in capsys.readouterr().err
    assert first.with_name("out.provenance.json").read_text() == before and not first.with_name("out.nrrd").exists()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied", "/data/out"), "/data/out cannot be opened or written. Check your rights"),
        (OSError(28, "No space left on device"), "The disk is full. Free some space"),
    ],
)
def test_troubles_of_the_disk_are_said_in_words(a_scan, monkeypatch, capsys, error, message):
    def failing(*arguments, **settings):
        raise error

    monkeypatch.setattr("pdm_core.pipeline.super_resolution.super_resolve", failing)
    assert upsample(a_scan) == 1
    assert message in capsys.readouterr().err


def test_an_unexpected_error_is_one_line_and_shows_itself_with_debug(a_scan, monkeypatch, capsys):
    def broken(*_arguments, **_options):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("pdm_core.pipeline.super_resolution.super_resolve", broken)
    assert upsample(a_scan) == 1
    quiet = capsys.readouterr().err
    assert "--debug" in quiet and "Traceback" not in quiet
    assert upsample(a_scan, "--debug") == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--debug", "models", "show", "giant"], ["models", "--debug", "show", "giant"], ["models", "show", "giant", "--debug"]],
)
def test_debug_is_taken_at_every_place_and_keeps_the_exit_code(arguments, capsys):
    assert main(arguments) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("mistake", [["--steps", "0"], ["--steps", "few"]], ids=["an impossible value", "an unreadable one"])
def test_json_lines_tell_errors(mistake, a_scan, capsys):
    assert upsample(a_scan, "--progress", "json", *mistake) == 2
    event = json.loads(capsys.readouterr().out)
    assert (event["event"], event["kind"]) == ("error", "input")
    assert event["message"] and event["hint"]


def test_a_format_that_cannot_hold_the_values_leaves_no_file(a_scan, capsys):
    loud = write_volume(Volume(1000 * read_volume(a_scan).array, np.eye(4)), a_scan.with_name("loud.nii.gz"))
    before = set(a_scan.parent.iterdir())
    spread = str(a_scan.with_name("spread.nrrd"))
    assert upsample(loud, "--samples", "2", "--steps", "2", "--dtype", "uint8", "--uncertainty", spread) == 2
    assert "do not fit uint8" in capsys.readouterr().err
    assert set(a_scan.parent.iterdir()) == before


def test_a_log_gets_a_line_now_and_then(capsys):
    console = LineConsole(interval_s=0.0)
    console.progress(ProgressEvent("restoring", 3, 60, 12.4))
    patient = LineConsole(interval_s=3600.0)
    patient.progress(ProgressEvent("restoring", 4, 60, 12.4))
    assert capsys.readouterr().err == "pdm-sr: restoring: 3 of 60, about 12 s left\n"


def test_the_listing_is_also_json(capsys):
    assert main(["models", "list", "--json"]) == 0
    assert "tiny" in {card["name"] for card in json.loads(capsys.readouterr().out)}


@pytest.mark.parametrize("asked", ["--help", "--version"])
def test_help_and_version_need_no_heavy_library(asked):
    program = (
        "import sys; from pdm_core.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print('heavy:', *{'torch', 'monai', 'SimpleITK', 'pydicom', 'matplotlib'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program, asked], capture_output=True, text=True, check=True)
    assert "pdm-sr" in run.stdout and run.stdout.strip().endswith("heavy:")


def test_models_are_listed_shown_and_verified(capsys):
    for arguments in (["models", "list"], ["models", "show", "tiny"], ["models", "verify", "tiny"]):
        assert main(arguments) == 0
        assert "tiny" in capsys.readouterr().out


def test_the_demonstration_draws_and_reports(a_scan, capsys):
    folder = a_scan.with_name("demo")
    random = np.random.default_rng(1)
    smooth = np.cumsum(np.cumsum(random.standard_normal((2, 80, 72)), axis=1), axis=2)
    volume = write_volume(Volume(smooth, np.eye(4)), a_scan.with_name("truth.nii.gz"))
    assert main(["demo", str(volume), "-o", str(folder), "--model", "tiny", "--samples", "2", "--steps", "2"]) == 0
    assert "zero filling" in capsys.readouterr().out
    assert (folder / "contact_sheet.png").stat().st_size > 20_000
    report = (folder / "report.html").read_text()
    assert "not for diagnosis" in report and "data:image/png;base64" in report
    assert read_volume(folder / "restored.nii.gz").shape == read_volume(folder / "truth.nii.gz").shape


def test_the_evaluation_prints_its_table_with_the_command_that_prints_it_again(shared_data, tmp_path, capsys):
    arguments = ["evaluate", "--data", str(shared_data), "--cases", "P158-test-001", "--models", "tiny", "--factors", "2"]
    assert main([*arguments, "--steps", "1", "--samples", "1", "-o", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "zero filling" in printed and "pdm-sr evaluate --split test" in printed
    rows = json.loads((tmp_path / "in_plane.json").read_text())["rows"]
    assert {row["method"] for row in rows} == {"bicubic", "zero filling", "tiny, 1 step"}


def test_models_between_slices_have_a_table_of_their_own(shared_data, both_zoo, tmp_path, capsys):
    words = ["evaluate", "--through-plane", "--data", str(shared_data), "--cases", "spine_sct", "--models", "thin"]
    assert main([*words, "--factors", "6", "--slab", "18", "--steps", "1", "-o", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "pdm-sr evaluate --through-plane --slab 18 --split test" in printed and "slices: 18 central" in printed
    rows = json.loads((tmp_path / "through_plane.json").read_text())["rows"]
    assert {row["method"] for row in rows} == {"linear", "cubic B-spline", "B-spline, exact in the slices", "thin, 1 step"}
    assert main([*words, "--convention", "fastmri"]) == 2
    assert main([*words, "--slab", "11"]) == 2
    assert main(["evaluate", "--through-plane", "--data", str(shared_data), "--models", "tiny"]) == 2


def test_importing_the_package_is_quick_and_brings_no_heavy_library():
    program = (
        "import sys, time; start = time.perf_counter(); import pdm_core; took = time.perf_counter() - start;"
        "heavy = {'torch', 'monai', 'SimpleITK', 'pydicom', 'matplotlib'} & set(sys.modules); print(took, *heavy)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(3)
    ]
    assert all(len(run) == 1 for run in runs), runs
    assert statistics.median(float(run[0]) for run in runs) < 0.3

"""The headless script as a subprocess, as Slicer runs it: files, the DICOM database, exit codes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
START = f"""
import runpy, sys
sys.path[:0] = [{str(ROOT / "Testing")!r}]
from host import application
application.start()
{{prelude}}
sys.argv = ["super_resolve_batch.py", *{{words!r}}]
runpy.run_path({str(ROOT / "PartialDiffusionSR/Scripts/super_resolve_batch.py")!r}, run_name="__main__")
print("Slicer would still be alive")
"""
FAST = ["--model", "fast", "--device", "cpu"]


def run(words, prelude=""):
    code = START.format(prelude=prelude, words=[str(word) for word in words])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=dict(os.environ))


@pytest.fixture
def a_folder(tmp_path):
    from pdm_core import Volume, write_volume

    folder = tmp_path / "in Ω"
    folder.mkdir()
    for number in range(3):
        array = np.random.default_rng(number).random((2, 40, 36)) * 300
        write_volume(Volume(array, np.diag([1.0, 1.0, 3.0, 1.0])), folder / f"case{number}.nii.gz")
    (folder / "case1.nii.gz").write_bytes(b"damaged")
    return folder


@pytest.fixture
def a_phantom_file(tmp_path):
    from pdm_core import Volume, write_volume

    array = np.zeros((9, 40, 36))
    array[2:8, 8:28, 12:30], array[3:6, 11:21, 15:23] = 100.0, 200.0
    # Without any texture it would be taken for a label map.
    array = np.where(array == 0.0, np.linspace(-0.01, 0.0, array.size).reshape(array.shape), array)
    return write_volume(Volume(array, np.diag([-0.8, -0.9, 3.0, 1.0])), tmp_path / "phantom.nii.gz")


def read_segmentation(path):
    """Names of the segments that Slicer reads, and their volumes in ml."""
    import slicer

    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    segments = [node.GetSegmentation().GetNthSegment(index) for index in range(node.GetSegmentation().GetNumberOfSegments())]
    return {segment.GetName(): _volume_ml(segment) for segment in segments}


def _volume_ml(segment):
    import slicer
    from vtk.util.numpy_support import vtk_to_numpy

    image = segment.GetRepresentation(slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName())
    voxels = np.count_nonzero(vtk_to_numpy(image.GetPointData().GetScalars()) == segment.GetLabelValue())
    return voxels * np.prod(image.GetSpacing()) / 1000.0


def test_a_folder_with_a_damaged_case(a_folder, tmp_path):
    done = run(["--input", a_folder, "--output", tmp_path / "out", *FAST])
    assert done.returncode == 1, done.stderr
    assert "2 done, 1 failed" in done.stdout and "case1 failed" in done.stderr
    assert "still be alive" not in done.stdout
    assert len(list((tmp_path / "out").glob("*_SRx2.nii.gz"))) == 2


@pytest.mark.usefixtures("phantom_zoo")
def test_zones_come_as_segmentations_beside_the_results(a_phantom_file, tmp_path):
    done = run(["--input", a_phantom_file, "--output", tmp_path / "out", "--zones", "--zone-model", "phantom", *FAST])
    assert done.returncode == 0, done.stderr
    assert "CC BY-NC 4.0" in done.stderr + done.stdout
    names = sorted(path.name for path in (tmp_path / "out").glob("*.seg.nrrd"))
    assert names == ["phantom_SRx2_zones.seg.nrrd", "phantom_SRx2_zones_input.seg.nrrd"]
    loaded = read_segmentation(tmp_path / "out" / names[0])
    assert loaded == {"Peripheral zone": pytest.approx(4.4, abs=0.3), "Transition zone": pytest.approx(0.52, abs=0.1)}


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["--output", "out"], 2, "--input"),
        (["--input", "nowhere", "--output", "out"], 2, "does not exist"),
        (["--input", ".", "--output", "out", "--factor", "99"], 2, "outside the range"),
        (["--input", ".", "--output", "out", "--fctor", "2"], 2, "--fctor"),
    ],
)
def test_exit_codes_of_what_cannot_be(words, code, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(words)
    assert done.returncode == code and reason in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_torch_is_exit_code_3_without_a_question(a_folder, tmp_path):
    hide = "import PartialDiffusionSRLib.dependencies as d; d.torchIsThere = lambda: False"
    prelude = f"sys.path.append({str(ROOT / 'PartialDiffusionSR')!r}); {hide}"
    done = run(["--input", a_folder, "--output", tmp_path / "out"], prelude)
    assert done.returncode == 3 and "PyTorch" in done.stderr


def test_series_of_the_dicom_database(shared_data, tmp_path):
    series = shared_data / "dicom"
    files = sorted(series.rglob("*.dcm"))
    if not files:
        pytest.skip("no .dcm files among the real data")
    from pdm_core.volume.sources import find_sources

    wanted = next(source for source in find_sources([series]) if source.stack is not None and _readable(source))
    folder = tmp_path / "series"
    folder.mkdir()
    for path in {frame.path for frame in wanted.stack.frames}:
        shutil.copy(path, folder)
    prelude = f"""
import slicer, glob
class Database:
    patients = lambda self: ["7"]
    studiesForPatient = lambda self, patient: ["1.2"]
    seriesForStudy = lambda self, study: ["1.2.3", "1.2.4"]
    filesForSeries = lambda self, series: sorted(glob.glob({str(folder)!r} + "/*"))
    nameForPatient = lambda self, patient: "Doe^Jane"
    descriptionForSeries = lambda self, series: "t2_tse_tra" if series == "1.2.3" else "scout"
    fileValue = lambda self, file, tag: "MR"
slicer.dicomDatabase = Database()
"""
    done = run(["--database", "t2_tse", "--output", tmp_path / "out", "--factor", "1.5", *FAST], prelude)
    assert done.returncode == 0, done.stderr
    results = list((tmp_path / "out").rglob("*_SRx1.5.nii.gz"))
    assert len(results) == 1 and "1.2.3" in str(results[0])


def _readable(source):
    try:
        volume = source.read()
    except Exception:
        return False
    return min(volume.shape[1:]) >= 32 and volume.shape[0] <= 30 and volume.array.size < 2e6

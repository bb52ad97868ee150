"""Fixtures: the application's stand-in once, an empty scene for each test."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("Testing", "PartialDiffusionSR", "PDMTraining")]


def _missing_host():
    """Why the stand-in for Slicer cannot run here, or None."""
    try:
        import slicer  # noqa: F401
        from PySide6 import QtWidgets  # noqa: F401
    except ImportError as error:
        return f"tests of the Slicer modules are skipped: {error}"
    return None


if _missing_host():
    collect_ignore_glob = ["module/*"]


def pytest_report_header():
    return _missing_host() or "the Slicer modules run on slicer-core and PySide6"


@pytest.fixture(scope="session")
def _host():
    from host import application

    application.start()


@pytest.fixture
def scene(_host):
    """The scene, empty."""
    import slicer

    slicer.mrmlScene.Clear(0)
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    return slicer.mrmlScene


@pytest.fixture
def a_volume_node(scene):
    """Makes a scalar volume node with smooth random intensities."""
    import slicer

    def make(shape=(3, 48, 40), matrix=None, name="t2", array=None):
        if array is None:
            rows, columns = np.mgrid[: shape[1], : shape[2]]
            array = np.stack([300 + 100 * np.sin(rows / 5 + k) * np.cos(columns / 4) for k in range(shape[0])])
        matrix = np.diag([-0.9, -0.9, 3.0, 1.0]) if matrix is None else matrix
        return slicer.util.addVolumeFromArray(array.astype(np.float32), ijkToRAS=matrix, name=name)

    return make


@pytest.fixture
def logic(scene):
    """The module's logic; nothing that it started outlives the test."""
    from PartialDiffusionSRLib.logic import PartialDiffusionSRLogic

    logic = PartialDiffusionSRLogic()
    yield logic
    logic.stopAll()


@pytest.fixture(scope="session")
def studies(tmp_path_factory):
    """A folder with the small made-up volumes of three patients."""
    from pdm_core import Volume, write_volume

    root = tmp_path_factory.mktemp("studies Ω")
    rows, columns = np.mgrid[:112, :112]
    for number in range(3):
        random = np.random.default_rng(number)
        array = np.zeros((4, 112, 112), np.float32)
        for image in array:
            for row, column, radius in random.uniform(0, 112, (8, 3)) * (1, 1, 0.25):
                image[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] += random.uniform(50, 200)
        (root / f"patient{number}").mkdir()
        write_volume(Volume(array, np.eye(4)), root / f"patient{number}" / "t2.nii.gz")
    return root


@pytest.fixture(scope="session")
def dataset(studies, tmp_path_factory):
    """Those volumes, prepared."""
    folder = tmp_path_factory.mktemp("dataset Ω")
    words = ["prepare", str(studies), "-o", str(folder)]
    subprocess.run([sys.executable, "-m", "pdm_core", *words], check=True, capture_output=True)
    return folder


@pytest.fixture
def a_recipe(tmp_path):
    """Makes a recipe file of a tiny model."""
    content = {
        "name": "small", "network": {"preset": "fast", "channels": [16, 32], "blocks": 1, "detail": 8}, "crop": 48, "batch": 4,
        "factors": [1.5, 2.0], "iterations": 24, "learning_rate": 3e-3, "warmup": 5, "ema": 0.9, "validate_every": 8,
        "card": {"title": "t", "purpose": "p", "licence": "l", "data": [{"name": "n"}], "contrasts": ["c"]},
    }  # fmt: skip

    def make(name="recipe.json", **changes):
        path = tmp_path / name
        path.write_text(json.dumps({**content, **changes}))
        return path

    return make


@pytest.fixture
def shared_data():
    """Folder of the real data, or a skip where it is absent."""
    folder = Path(os.environ.get("PDM_SHARED", REPOSITORY.parent / "shared")) / "data"
    if not (folder / "splits.json").is_file():
        pytest.skip(f"real data is absent: {folder} holds no splits.json (set PDM_SHARED)")
    return folder

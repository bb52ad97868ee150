"""Fixtures: the application's stand-in once, an empty scene for each test."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "Testing"), str(REPOSITORY / "PartialDiffusionSR")]


def _missing_host():
    """Why the stand-in for Slicer cannot run here, or None."""
    try:
        import slicer  # noqa: F401
        from PySide6 import QtWidgets  # noqa: F401
    except ImportError as error:
        return f"tests of the Slicer module are skipped: {error}"
    return None


if _missing_host():
    collect_ignore_glob = ["module/*"]


def pytest_report_header():
    return _missing_host() or "the Slicer module runs on slicer-core and PySide6"


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


@pytest.fixture
def shared_data():
    """Folder of the real data, or a skip where it is absent."""
    folder = Path(os.environ.get("PDM_SHARED", REPOSITORY.parent / "shared")) / "data"
    if not (folder / "splits.json").is_file():
        pytest.skip(f"real data is absent: {folder} holds no splits.json (set PDM_SHARED)")
    return folder

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


@pytest.fixture
def panel(scene, tmp_path):
    """The module's widget as Slicer makes it, with settings of its own."""
    import qt

    from PartialDiffusionSR import PartialDiffusionSRWidget

    qt.QSettings.setPath(qt.QSettings.NativeFormat, qt.QSettings.UserScope, str(tmp_path))
    qt.QCoreApplication.setOrganizationName("test")
    qt.QCoreApplication.setApplicationName("test")
    panel = PartialDiffusionSRWidget()
    panel.setup()
    yield panel
    panel.cleanup()


@pytest.fixture(scope="session")
def _phantom_model(tmp_path_factory):
    """A zone network whose weights were set by hand: gray is the peripheral zone, white the transition zone."""
    import torch

    from pdm_core.networks import build_zone_network
    from pdm_core.zoo import ZoneCard, export_model

    network = {"kind": "zonal_unet", "channels": [8], "flat": 1, "detail": 2}
    module = build_zone_network(network)
    state = {name: torch.zeros_like(value) for name, value in module.state_dict().items()}
    # What exceeds half of gray, and half way from gray to white; past the U-Net, straight to the end.
    state["detail.0.weight"][:, 0, 1, 1], state["detail.0.bias"][:] = 20.0, torch.tensor([10.0, -10.0])
    state["tail.0.weight"][[0, 1], [2, 3], 1, 1] = 1.0
    state["tail.2.weight"][[1, 2, 2], [0, 0, 1], 0, 0] = torch.tensor([1.0, 1.0, 4.0])
    state["tail.2.bias"][:] = torch.tensor([0.5, 0.0, -1.0])
    module.load_state_dict(state)
    card = ZoneCard(
        name="phantom", title="Zones of a phantom", purpose="tests", version="0", mode="zones", network=network,
        spacing_mm=(0.3, 1.0), contrasts=("T2",), data=({"name": "made up", "licence": "CC BY-NC 4.0"},),
        licence="CC BY-NC 4.0", parameters=0, sha256="", smoke={}, grid_mm=(3.0, 0.8, 0.8), slices_mm=(0.3, 4.0),
        window=(32, 32), percentiles=(0.0, 100.0), labels=("background", "pz", "tz"),
    )  # fmt: skip
    return export_model(module, card, tmp_path_factory.mktemp("zone_zoo"))


@pytest.fixture
def phantom_zoo(_phantom_model, monkeypatch):
    """That network as the user's zoo, also for workers; returns its card."""
    monkeypatch.setenv("PDM_ZOO", str(_phantom_model.weights.parent))
    return _phantom_model


@pytest.fixture
def a_phantom_node(a_volume_node):
    """Makes a volume node with a gray box, the peripheral zone, around a white one, the transition zone."""

    def make(matrix=None, name="t2", zones=(1, 2)):
        array = np.zeros((9, 40, 36))
        if 1 in zones:
            array[2:8, 8:28, 12:30] = 100.0
        if 2 in zones:
            array[3:6, 11:21, 15:23] = 200.0
        # Without any texture it would be taken for a label map.
        array = np.where(array == 0.0, np.linspace(-0.01, 0.0, array.size).reshape(array.shape), array)
        return a_volume_node(matrix=np.diag([-0.8, -0.9, 3.0, 1.0]) if matrix is None else matrix, name=name, array=array)

    return make


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

    def make(name="recipe.json", /, **changes):
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

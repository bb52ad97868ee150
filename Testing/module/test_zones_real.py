"""The chain on real prostates by the bundled models, through console and panel: three stacks of one patient, and another."""

import numpy as np
import pytest
import slicer
from host.waiting import wait_until

from pdm_core import Volume, read_volume

CASES = [
    *(("prostate/prostatex/ProstateX-0218", stack) for stack in ("t2_tra", "t2_sag", "t2_cor")),
    ("prostate/prostate3t/Prostate3T-03-0004", "t2_tra"),
]
# The middle of the slices, so that a run takes seconds.
_MIDDLE_MM = 96.0
_FACTOR = 1.5


@pytest.fixture
def a_prostate_node(shared_data, a_volume_node):
    """Makes a volume node of the middle of a real scan."""

    def make(case, stack):
        volume = _middle(read_volume(shared_data / case / f"{stack}.nii.gz"))
        return a_volume_node(matrix=volume.ijk_to_ras, name=stack, array=volume.array)

    return make


def _middle(volume):
    first, last = [], []
    for size, spacing in zip(volume.shape[:0:-1], volume.spacing[:2], strict=True):
        margin = max(0, size - round(_MIDDLE_MM / spacing)) // 2
        first.append(margin)
        last.append(size - margin)
    matrix = volume.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, :2] @ first
    return Volume(volume.array[:, first[1] : last[1], first[0] : last[0]], matrix)


def gland_of(segmentation, volume):
    keys = ("peripheral_zone", "transition_zone")
    return sum(slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, key, volume) for key in keys) > 0


@pytest.mark.parametrize(("case", "stack"), CASES, ids=lambda word: word.split("/")[-1])
def test_console_and_panel_find_the_same_gland(logic, panel, a_prostate_node, case, stack):
    node = a_prostate_node(case, stack)
    result = logic.process(node, factor=_FACTOR, zones=True, device="cpu")
    found = gland_of(result.segmentation, result.volume)
    assert 10 < result.zones.report["volumes_ml"]["gland"] < 200
    below = gland_of(result.zones.inputSegmentation, node)
    assert below.mean() == pytest.approx(found.mean(), rel=0.1)
    surface = result.segmentation.GetClosedSurfaceInternalRepresentation("transition_zone")
    assert surface.GetNumberOfCells() > 100

    panel.setInputVolume(node)
    panel._parameters.factor, panel._parameters.device = _FACTOR, "cpu"
    panel.ui.zonesBox.setChecked(True)
    panel.ui.applyButton.click()
    wait_until(lambda: panel._run is None, limit_s=300.0)
    assert "Peripheral zone" in panel.ui.statusLabel.text, panel.ui.statusLabel.text
    clicked = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")[2:]
    assert len(clicked) == 2
    np.testing.assert_array_equal(gland_of(clicked[0], result.volume), found)

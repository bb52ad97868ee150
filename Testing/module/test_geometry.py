"""An impulse keeps its place in mm through the module: 48 axis orders, oblique, left-handed, under a transform."""

import json
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk

from pdm_core.errors import InputError
from pdm_core.segmentation.labels import ZONES

FAST = {"model": "fast", "device": "cpu"}


class WorkerHere:
    """The worker's job in this process: the same files and events, without the seconds that a process takes to start."""

    def __init__(self, job, arrays, *, python, folder=None):
        import tempfile

        self.folder, self.ended, self.log = Path(tempfile.mkdtemp()), False, ""
        for name, array in arrays.items():
            np.save(self.folder / f"{name}.npy", array)
        self.job = json.loads(json.dumps({**job, **{name: f"{name}.npy" for name in arrays}}))

    def poll(self):
        from pdm_core.worker import jobs

        events = []

        class Console:
            progress = warning = staticmethod(lambda event: None)
            result = staticmethod(lambda summary, facts: events.append({"event": "result", **facts}))

        jobs._TASKS[self.job["task"]](self.job, self.folder, Console())
        self.ended = True
        return json.loads(json.dumps(events))

    def load(self, name):
        return np.load(self.folder / name)

    def kill(self):
        pass

    def close(self):
        pass


@pytest.fixture
def logic_here(logic, monkeypatch):
    from PartialDiffusionSRLib import workerRun

    monkeypatch.setattr(workerRun, "WorkerProcess", WorkerHere)
    return logic


def matrix_of(node):
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def centroid_mm(node):
    array = slicer.util.arrayFromVolume(node)
    return centre_mm(np.where(array > 0.5 * array.max(), array, 0.0), matrix_of(node))


def centre_mm(weight, matrix):
    k, j, i = np.indices(weight.shape)
    place = np.stack((i, j, k, np.ones_like(i)), axis=-1) @ matrix.T
    return (place[..., :3] * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum()


def a_blob():
    j, i = np.meshgrid(np.arange(40) - 17, np.arange(36) - 21, indexing="ij")
    array = np.zeros((3, 40, 36))
    array[1] = 100 * np.exp(-(i**2 + j**2) / 18.0)
    return array


def axis_orders():
    return [np.eye(3)[:, order] * signs for order in permutations(range(3)) for signs in product((1.0, -1.0), repeat=3)]


def placed(axes):
    matrix = np.eye(4)
    matrix[:3, :3] = axes * np.array([0.8, 0.9, 3.0])
    matrix[:3, 3] = (12.5, -33.25, 101.0)
    return matrix


@pytest.mark.parametrize("align", ["index0", "fov"])
@pytest.mark.parametrize("number", range(48))
def test_every_axis_order_and_handedness(logic_here, a_volume_node, number, align):
    node = a_volume_node(matrix=placed(axis_orders()[number]), array=a_blob())
    result = logic_here.process(node, align=align, **FAST)
    np.testing.assert_allclose(centroid_mm(result.volume), centroid_mm(node), atol=0.05)
    handedness = [np.sign(np.linalg.det(matrix_of(volume)[:3, :3])) for volume in (node, result.volume)]
    assert handedness[0] == handedness[1]


def test_an_oblique_volume(logic_here, a_volume_node):
    turn, tilt = np.radians(23.0), np.radians(-11.0)
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    node = a_volume_node(matrix=placed(about_z @ about_x), array=a_blob())
    result = logic_here.process(node, **FAST)
    np.testing.assert_allclose(centroid_mm(result.volume), centroid_mm(node), atol=0.05)
    bounds = np.zeros(6)
    assert result.volume.GetRASBounds(bounds) is None and np.ptp(bounds) > 0


def test_a_linear_transform_is_followed_when_allowed(logic_here, a_volume_node):
    node = a_volume_node(array=a_blob())
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    move = np.array([[0, -1, 0, 10], [1, 0, 0, -20], [0, 0, 1, 30], [0, 0, 0, 1.0]])
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(move))
    node.SetAndObserveTransformNodeID(transform.GetID())
    result = logic_here.process(node, hardenTransform=True, **FAST)
    expected = (move @ np.append(centroid_mm(node), 1.0))[:3]
    np.testing.assert_allclose(centroid_mm(result.volume), expected, atol=0.05)
    assert result.volume.GetParentTransformNode() is None and node.GetParentTransformNode() is transform


def zone_centres(segmentation, volume):
    """Of the voxels of each zone on the grid of a volume, and of its surface: mm."""
    masks = {zone.key: slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, zone.key, volume) for zone in ZONES.values()}
    surfaces = {key: segmentation.GetClosedSurfaceInternalRepresentation(key) for key in masks}
    bounds = {key: np.reshape(surface.GetBounds(), (3, 2)) for key, surface in surfaces.items() if surface is not None}
    centres = {key: centre_mm(mask.astype(float), matrix_of(volume)) for key, mask in masks.items()}
    return centres, {key: box.mean(axis=1) for key, box in bounds.items()}


def phantom_centres(node):
    """Of the two boxes, as they were drawn; the gray one with the white one in it."""
    array, matrix = slicer.util.arrayFromVolume(node), matrix_of(node)
    zones = {zone.key: centre_mm((array == 100 * label).astype(float), matrix) for label, zone in ZONES.items()}
    return zones, {
        "peripheral_zone": centre_mm((array > 0).astype(float), matrix),
        "transition_zone": zones["transition_zone"],
    }


def assert_near(found, expected, limit_mm):
    assert set(found) == set(expected)
    for key, centre in expected.items():
        np.testing.assert_allclose(found[key], centre, atol=limit_mm, err_msg=key)


def assert_in_place(segmentation, volume, drawn):
    """Within half a pixel of the network's grid; surfaces, which are smoothed, within a pixel."""
    centres, boxes = drawn
    found, surfaces = zone_centres(segmentation, volume)
    assert_near(found, centres, 0.5)
    assert_near(surfaces, boxes, 1.0)


@pytest.mark.usefixtures("phantom_zoo")
@pytest.mark.parametrize("number", range(48))
def test_zones_keep_their_place_in_every_axis_order_and_handedness(logic_here, a_phantom_node, number):
    node = a_phantom_node(matrix=placed(axis_orders()[number]))
    drawn = phantom_centres(node)
    result = logic_here.process(node, zones=True, zoneModel="phantom", **FAST)
    assert_in_place(result.segmentation, result.volume, drawn)
    assert_near(zone_centres(result.zones.inputSegmentation, node)[0], drawn[0], 0.5)


@pytest.mark.usefixtures("phantom_zoo")
@pytest.mark.parametrize("number", [0, 13, 22, 31, 47])
def test_zones_of_the_input_itself_keep_their_place(logic_here, a_phantom_node, number):
    node = a_phantom_node(matrix=placed(axis_orders()[number]))
    zones = logic_here.segmentZones(node, zoneModel="phantom", device="cpu")
    assert_in_place(zones.segmentation, node, phantom_centres(node))


@pytest.mark.usefixtures("phantom_zoo")
def test_zones_follow_a_linear_transform_when_allowed(logic_here, a_phantom_node):
    node = a_phantom_node()
    drawn, _ = phantom_centres(node)
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    move = np.array([[0, -1, 0, 10], [1, 0, 0, -20], [0, 0, 1, 30], [0, 0, 0, 1.0]])
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(move))
    node.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(InputError, match="transform"):
        logic_here.segmentZones(node, zoneModel="phantom", device="cpu")
    result = logic_here.process(node, zones=True, zoneModel="phantom", hardenTransform=True, **FAST)
    moved = {key: (move @ np.append(centre, 1.0))[:3] for key, centre in drawn.items()}
    assert_near(zone_centres(result.segmentation, result.volume)[0], moved, 0.5)
    assert_near(zone_centres(result.zones.inputSegmentation, result.volume)[0], moved, 0.9)


def test_slices_along_the_first_axis_of_a_node_are_slices(logic_here, a_volume_node):
    """As in volumes that other programs have reoriented; what the panel reckons with is what the run takes."""
    from PartialDiffusionSRLib.volumes import sliceGrid

    rows, columns = np.mgrid[:48, :40]
    slices = np.stack([300 + 100 * np.sin(rows / 5 + k) * np.cos(columns / 4) for k in range(3)])
    matrix = np.array([[0, 0, -0.9, 0], [-0.9, 0, 0, 0], [0, 3.0, 0, 0], [0, 0, 0, 1]])[:, [1, 0, 2, 3]]
    usual = a_volume_node(array=slices, matrix=matrix[:, [1, 2, 0, 3]])
    node = a_volume_node(array=slices.transpose(1, 2, 0), matrix=matrix)
    shape, spacing = sliceGrid(node)
    assert shape == (3, 48, 40) == sliceGrid(usual)[0] and np.allclose(spacing, sliceGrid(usual)[1])
    found, expected = (logic_here.process(volume, **FAST).volume for volume in (node, usual))
    array = slicer.util.arrayFromVolume(found)
    assert array.shape == (96, 80, 3)
    np.testing.assert_allclose(array, slicer.util.arrayFromVolume(expected).transpose(1, 2, 0), atol=1e-3)
    np.testing.assert_allclose(matrix_of(found)[:, [1, 2, 0, 3]], matrix_of(expected), atol=1e-9)

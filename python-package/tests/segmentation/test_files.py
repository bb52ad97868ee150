"""Zones as files: what is written is read again, also by Slicer, in its place in the patient."""

from itertools import permutations, product

import numpy as np
import pytest

from pdm_core.segmentation.files import on_the_input, segmentation_keys, write_zones
from pdm_core.segmentation.labels import PERIPHERAL_ZONE, TRANSITION_ZONE, ZONES
from pdm_core.volume import Volume, read_volume

ORIENTATIONS = [np.eye(3)[:, order] * signs for order in permutations(range(3)) for signs in product((1.0, -1.0), repeat=3)]


def a_phantom(direction):
    """Two small blocks, one for each zone, in an asymmetric volume."""
    matrix = np.eye(4)
    matrix[:3, :3] = direction * np.array([0.5, 0.75, 3.0])
    matrix[:3, 3] = (-31.25, 12.5, 80.0)
    array = np.zeros((9, 20, 24), np.float32)
    array[2:4, 5:9, 14:20] = 1
    array[5:8, 11:14, 3:6] = 2
    return Volume(array, matrix)


def centres_mm(array, matrix):
    return {label: (matrix @ np.append(np.argwhere(array == label).mean(axis=0)[::-1], 1.0))[:3] for label in ZONES}


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha", ".seg.nrrd"])
def test_a_label_map_comes_back_as_it_was(ending, tmp_path):
    phantom = a_phantom(ORIENTATIONS[17])
    found = read_volume(write_zones(phantom, tmp_path / f"zones{ending}", "tiny"))
    np.testing.assert_array_equal(found.array, phantom.array)
    np.testing.assert_allclose(found.ijk_to_ras, phantom.ijk_to_ras, atol=1e-5)


def test_only_a_segmentation_has_the_keys_of_one(tmp_path):
    phantom = a_phantom(np.eye(3))
    header = lambda name: write_zones(phantom, tmp_path / name, "tiny").read_bytes().split(b"\n\n")[0].decode()
    keys = segmentation_keys(phantom, "tiny")
    assert keys["Segment1_Extent"] == "3 5 11 13 5 7" and keys["Segment0_LabelValue"] == "1"
    assert all(f"{name}:={value}\n" in header("z.seg.nrrd") + "\n" for name, value in keys.items())
    assert "Segment0" not in header("z.nrrd")


def test_an_empty_zone_is_an_empty_segment():
    empty = Volume(np.zeros((3, 4, 5)), np.eye(4))
    assert segmentation_keys(empty, "tiny")["Segment0_Extent"] == "0 -1 0 -1 0 -1"


def test_the_name_on_the_grid_of_the_input(tmp_path):
    assert on_the_input(tmp_path / "a.b.seg.nrrd").name == "a.b_input.seg.nrrd"
    assert on_the_input(tmp_path / "zones.nii.gz").name == "zones_input.nii.gz"


@pytest.fixture(scope="module")
def slicer():
    return pytest.importorskip("slicer", reason="slicer-core is not installed here")


def opened(slicer, path):
    """The segmentation node that Slicer makes of a file."""
    scene = slicer.vtkMRMLScene()
    node, storage = (scene.AddNewNodeByClass(f"vtkMRMLSegmentation{kind}") for kind in ("Node", "StorageNode"))
    storage.SetFileName(str(path))
    assert storage.ReadData(node) == 1
    return scene, node


@pytest.mark.parametrize("direction", ORIENTATIONS, ids=range(48))
def test_slicer_finds_the_segments_in_their_place(slicer, direction, tmp_path):
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    phantom = a_phantom(direction)
    _scene, node = opened(slicer, write_zones(phantom, tmp_path / "zones.seg.nrrd", "tiny"))
    expected = centres_mm(phantom.array, phantom.ijk_to_ras)
    for label, zone in ZONES.items():
        image = slicer.vtkOrientedImageData()
        assert node.GetBinaryLabelmapRepresentation(zone.key, image)
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        world = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
        first = np.array(image.GetExtent())[::2]
        array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
        centre = np.argwhere(array != 0).mean(axis=0)[::-1] + first
        np.testing.assert_allclose((world @ np.append(centre, 1.0))[:3], expected[label], atol=1e-3)
        assert np.count_nonzero(array) == np.count_nonzero(phantom.array == label)


def test_slicer_knows_names_colours_and_codes(slicer, tmp_path):
    import vtk

    phantom = a_phantom(np.eye(3))
    phantom = phantom.with_array(np.where(phantom.array == 2, 0, phantom.array))
    _scene, node = opened(slicer, write_zones(phantom, tmp_path / "zones.seg.nrrd", "a model"))
    segmentation = node.GetSegmentation()
    assert list(segmentation.GetSegmentIDs()) == [PERIPHERAL_ZONE.key, TRANSITION_ZONE.key]
    for zone in ZONES.values():
        segment = segmentation.GetSegment(zone.key)
        assert segment.GetName() == zone.name
        np.testing.assert_allclose(segment.GetColor(), np.array(zone.colour) / 255, atol=1e-5)
        value = vtk.reference("")
        assert segment.GetTag(segment.GetTerminologyEntryTagName(), value) and str(value) == zone.terminology_entry
        assert segment.GetTag("DICOM.SegmentAlgorithmName", value) and str(value) == "a model"

"""Zones on real MRML, by the real worker and a network for phantoms: what stands in the scene, and what goes wrong."""

import json
import os
import signal
import time
import types

import numpy as np
import pytest
import slicer

from pdm_core.errors import CancelledError, InputError, MissingDependencyError, PdmError
from pdm_core.segmentation.labels import GLAND, TERMINOLOGY_CONTEXT, ZONES

FAST = {"model": "fast", "device": "cpu"}
PHANTOM = {"zoneModel": "phantom", "device": "cpu"}
REPORT = {
    "volumes_ml": {"peripheral_zone": 1.0, "transition_zone": 0.0, "gland": 1.0}, "flags": ["doubtful", "small"],
    "model": "phantom", "licence": "CC BY-NC 4.0", "non_commercial": True,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _settings(tmp_path):
    """A user's settings, empty."""
    import qt

    qt.QSettings.setPath(qt.QSettings.NativeFormat, qt.QSettings.UserScope, str(tmp_path / "settings"))
    qt.QCoreApplication.setOrganizationName("test")
    qt.QCoreApplication.setApplicationName("zones")
    qt.QSettings().clear()


@pytest.fixture
def terminologies(scene):
    """Slicer's logic of terminologies, which has read the module's file."""
    from PartialDiffusionSRLib import registration

    logic = slicer.vtkSlicerTerminologiesModuleLogic()
    slicer.modules.terminologies = types.SimpleNamespace(logic=lambda: logic)
    registration.registerTerminology()
    return logic


def poll_until_ended(run, limit_s=60.0):
    deadline = time.monotonic() + limit_s
    while not run.poll():
        assert time.monotonic() < deadline, "the run did not end"
        time.sleep(0.02)


def nodes():
    """Every node that a run could leave behind."""
    return {slicer.mrmlScene.GetNthNode(index).GetID() for index in range(slicer.mrmlScene.GetNumberOfNodes())}


def voxels_of(segmentation, key, volume):
    return slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, key, volume).astype(bool)


def tag_of(segment, name):
    import vtk

    value = vtk.reference("")
    assert segment.GetTag(name, value)
    return str(value)


def parent_of(node):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    return hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))


def in_a_study(node):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.CreateItem(study, node)
    return study


@pytest.mark.usefixtures("phantom_zoo")
def test_a_restoration_brings_its_zones_on_both_grids(logic, a_phantom_node):
    node = a_phantom_node()
    study = in_a_study(node)
    result = logic.process(node, factor=2, zones=True, zoneModel="phantom", **FAST)
    zones = result.zones
    assert result.segmentation is zones.segmentation and zones.segmentation.GetName() == "t2 SR x2 zones"
    role = zones.segmentation.GetReferenceImageGeometryReferenceRole()
    for segmentation, volume in ((zones.segmentation, result.volume), (zones.inputSegmentation, node)):
        assert segmentation.GetNodeReference(role) is volume
        drawn = slicer.util.arrayFromVolume(node)
        for label, zone in ZONES.items():
            found, expected = voxels_of(segmentation, zone.key, volume), drawn == 100 * label
            assert found.shape == slicer.util.arrayFromVolume(volume).shape
            assert found.sum() == pytest.approx(expected.sum() * found.size / expected.size, rel=0.15)
    assert zones.segmentation.GetDisplayNode().GetVisibility() and zones.segmentation.GetDisplayNode().GetVisibility3D()
    assert not zones.inputSegmentation.GetDisplayNode().GetVisibility()
    for companion in (zones.segmentation, zones.inputSegmentation, zones.table, result.volume):
        assert parent_of(companion) == study
    assert zones.provenanceNode is result.provenanceNode
    assert result.provenance["zones"]["volumes_ml"] == zones.report["volumes_ml"]
    assert logic.process(node, **FAST).segmentation is None


@pytest.mark.usefixtures("phantom_zoo")
def test_the_zones_of_a_volume_as_it_is(logic, a_phantom_node):
    node = a_phantom_node()
    study, before = in_a_study(node), np.array(slicer.util.arrayFromVolume(node))
    zones = logic.segmentZones(node, **PHANTOM)
    for label, zone in ZONES.items():
        np.testing.assert_array_equal(voxels_of(zones.segmentation, zone.key, node), before == 100 * label)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), before)
    assert zones.inputSegmentation is None and parent_of(zones.segmentation) == parent_of(zones.table) == study
    record = json.loads(zones.provenanceNode.GetText())
    assert record == zones.provenance and record["model"]["name"] == "phantom"
    assert "not for diagnosis" in zones.segmentation.GetAttribute("PartialDiffusionSR.Notice")
    assert zones.segmentation.GetAttribute("PartialDiffusionSR.Licence") == "CC BY-NC 4.0"
    again = logic.segmentZones(node, **PHANTOM)
    assert len({zones.segmentation.GetName(), again.segmentation.GetName()}) == 2


@pytest.mark.usefixtures("phantom_zoo")
def test_segments_have_their_codes_and_colors_and_keep_them_in_a_file(logic, a_phantom_node, terminologies, tmp_path):
    segmentation = logic.segmentZones(a_phantom_node(), **PHANTOM).segmentation
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(tmp_path / "zones.seg.nrrd"))
    assert storage.WriteData(segmentation)
    loaded = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    assert storage.ReadData(loaded)
    for node in (segmentation, loaded):
        assert node.GetSegmentation().GetNumberOfLayers() == 1
        names = [node.GetSegmentation().GetNthSegment(index).GetName() for index in range(2)]
        assert names == ["Peripheral zone", "Transition zone"]
        for zone in ZONES.values():
            segment = node.GetSegmentation().GetSegment(zone.key)
            entry = slicer.vtkSlicerTerminologyEntry()
            assert terminologies.DeserializeTerminologyEntry(tag_of(segment, segment.GetTerminologyEntryTagName()), entry)
            assert entry.GetTypeObject().GetCodeValue() == zone.code
            assert terminologies.FindTypeInTerminologyBy3dSlicerLabel(TERMINOLOGY_CONTEXT, zone.meaning.lower(), entry)
            color = entry.GetTypeObject().GetRecommendedDisplayRGBValue()
            np.testing.assert_allclose(np.multiply(segment.GetColor(), 255), color, atol=0.5)
            assert tag_of(segment, "DICOM.SegmentAlgorithmType") == "AUTOMATIC"
            assert tag_of(segment, "DICOM.SegmentAlgorithmName") == "phantom"


@pytest.mark.usefixtures("phantom_zoo")
def test_surfaces_enclose_the_volumes_of_the_table(logic, a_phantom_node):
    import vtk

    zones = logic.segmentZones(a_phantom_node(), **PHANTOM)
    table = zones.table
    rows = [[table.GetCellText(row, column) for column in range(3)] for row in range(table.GetNumberOfRows())]
    assert [row[0] for row in rows] == ["Peripheral zone", "Transition zone", "Prostate"]
    volumes = [zones.report["volumes_ml"][structure.key] for structure in (*ZONES.values(), GLAND)]
    assert [float(row[1]) for row in rows] == pytest.approx(volumes, abs=0.01)
    assert "plausible" in rows[2][2] and not rows[0][2]
    mass = vtk.vtkMassProperties()
    mass.SetInputData(zones.segmentation.GetClosedSurfaceInternalRepresentation("transition_zone"))
    assert mass.GetVolume() / 1000 == pytest.approx(float(rows[1][1]), rel=0.25)


@pytest.mark.usefixtures("phantom_zoo")
def test_a_zone_that_was_not_found_is_an_empty_segment_and_said(logic, a_phantom_node):
    node = a_phantom_node(zones=(1,))
    # A piece apart from the gland, which is left out.
    slicer.util.arrayFromVolume(node)[0, 0, 0] = 200.0
    zones = logic.segmentZones(node, **PHANTOM)
    np.testing.assert_array_equal(
        voxels_of(zones.segmentation, "peripheral_zone", node), slicer.util.arrayFromVolume(node) == 100
    )
    assert not voxels_of(zones.segmentation, "transition_zone", node).any()
    assert "No transition zone" in zones.table.GetCellText(2, 2)


def test_no_zones_at_all_are_two_empty_segments(a_phantom_node):
    from PartialDiffusionSRLib.zoneNodes import placeZones

    node = a_phantom_node()
    event = {"zone_report": REPORT, "provenance": {}}
    zones = placeZones(node, np.zeros((9, 40, 36), np.uint8), np.diag([-0.8, -0.9, 3.0, 1.0]), event)
    assert [zones.segmentation.GetSegmentation().GetNthSegmentID(index) for index in range(2)] == [
        zone.key for zone in ZONES.values()
    ]
    assert not any(voxels_of(zones.segmentation, zone.key, node).any() for zone in ZONES.values())
    assert zones.table.GetCellText(2, 0) == GLAND.name and zones.table.GetCellText(2, 2) == "doubtful\nsmall"


def test_a_licence_that_forbids_commercial_use_is_printed_until_it_was_agreed_to(phantom_zoo, monkeypatch, capsys):
    from PartialDiffusionSRLib.zoneModels import ensureLicence

    asked, answers = [], [False, True]
    monkeypatch.setattr(
        slicer.util, "confirmOkCancelDisplay", lambda text: asked.append(text) or answers.pop(0), raising=False
    )
    ensureLicence("phantom", interactive=False)
    assert "CC BY-NC 4.0" in capsys.readouterr().out and not asked
    with pytest.raises(InputError, match="not agreed to"):
        ensureLicence("phantom", interactive=True)
    ensureLicence("phantom", interactive=True)
    assert len(asked) == 2 and "not for commercial use" in asked[0] and "made up" in asked[0]
    ensureLicence("phantom", interactive=True)
    ensureLicence("phantom", interactive=False)
    assert len(asked) == 2 and not capsys.readouterr().out


def test_another_licence_is_asked_for_again(phantom_zoo, monkeypatch):
    from dataclasses import replace

    from PartialDiffusionSRLib import zoneModels

    asked = []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: not asked.append(text), raising=False)
    for licence in ("CC BY-NC 4.0", "CC BY-NC-SA 4.0", "CC BY 4.0"):
        card = replace(phantom_zoo, licence=licence)
        monkeypatch.setattr(zoneModels, "find_zone_model", lambda name, card=card: card)
        zoneModels.ensureLicence("phantom", interactive=True)
    assert len(asked) == 2


def test_a_bundle_has_no_card_to_ask_for(tmp_path):
    from PartialDiffusionSRLib.zoneModels import ensureLicence, zoneCard

    assert zoneCard(str(tmp_path)) is None
    ensureLicence(str(tmp_path), interactive=True)


@pytest.mark.usefixtures("phantom_zoo")
def test_what_cannot_be_segmented_is_refused_and_leaves_nothing(logic, a_phantom_node, a_volume_node, monkeypatch, tmp_path):
    node, flat = a_phantom_node(), a_volume_node(shape=(1, 48, 40), name="flat")
    before = nodes()
    with pytest.raises(InputError, match="slice"):
        logic.segmentZones(flat, **PHANTOM)
    with pytest.raises(InputError, match="slice"):
        logic.process(flat, zones=True, zoneModel="phantom", **FAST)
    with pytest.raises(InputError, match="no zone model 'nobody'"):
        logic.segmentZones(node, zoneModel="nobody")
    with pytest.raises(InputError, match="No input volume"):
        logic.segmentZones(None, **PHANTOM)
    monkeypatch.setattr("pdm_core.zoo.catalogue.BUNDLED", tmp_path)
    monkeypatch.setenv("PDM_ZOO", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="zone model"):
        logic.process(node, zones=True)
    assert nodes() == before and not logic._runs


@pytest.mark.usefixtures("phantom_zoo")
def test_the_dicom_headers_of_another_part_of_the_body_are_believed(logic, a_phantom_node, monkeypatch):
    headers = {"0018,0015": "BRAIN", "0008,0060": "MR"}
    database = types.SimpleNamespace(instanceValue=lambda uid, tag: headers.get(tag, ""))
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    node = a_phantom_node()
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    with pytest.raises(InputError, match="BRAIN"):
        logic.segmentZones(node, **PHANTOM)
    headers["0018,0015"] = "PROSTATE"
    node.SetName("ADC")
    warnings = logic.segmentZones(node, **PHANTOM).provenance["warnings"]
    assert any("'ADC'" in warning for warning in warnings)


@pytest.mark.usefixtures("phantom_zoo")
def test_cancelled_and_killed_runs_leave_nothing(logic, a_phantom_node):
    node = a_phantom_node()
    before = nodes()
    cancelled = logic.segmentZones(node, wait=False, **PHANTOM)
    cancelled.cancel()
    poll_until_ended(cancelled)
    killed = logic.segmentZones(node, wait=False, **PHANTOM)
    os.killpg(killed._worker._process.pid, signal.SIGKILL)
    poll_until_ended(killed)
    chain = logic.process(node, zones=True, zoneModel="phantom", wait=False, **FAST)
    chain.cancel()
    poll_until_ended(chain)
    assert isinstance(cancelled.error, CancelledError) and isinstance(chain.error, CancelledError)
    assert killed.error.kind == "memory" and nodes() == before
    assert not any(run._worker.folder.exists() for run in (cancelled, killed, chain))
    assert logic.segmentZones(node, **PHANTOM).report["volumes_ml"]["gland"] > 0


@pytest.mark.usefixtures("phantom_zoo")
def test_what_fails_half_way_is_taken_back(logic, a_phantom_node, monkeypatch):
    from PartialDiffusionSRLib import run as runs

    def full(*arguments):
        raise MemoryError("no room for the segments")

    node = a_phantom_node()
    before = nodes()
    monkeypatch.setattr(runs, "placeSegmentation", full)
    with pytest.raises(PdmError, match="no room for the segments"):
        logic.process(node, zones=True, zoneModel="phantom", **FAST)
    assert nodes() == before


@pytest.mark.usefixtures("phantom_zoo")
def test_a_removed_volume_is_an_error_not_a_crash(logic, a_phantom_node):
    node = a_phantom_node()
    run = logic.segmentZones(node, wait=False, **PHANTOM)
    slicer.mrmlScene.RemoveNode(node)
    poll_until_ended(run)
    assert "removed" in run.error.message and not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")

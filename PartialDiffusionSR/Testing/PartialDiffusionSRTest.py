"""Self tests in a running Slicer (ctest): a volume goes through the real worker and keeps its place, and so do zones."""

import sys
import unittest

import numpy as np
import slicer


class PartialDiffusionSRTest(unittest.TestCase):
    """Needs torch in Slicer's Python; without it the reason is checked instead."""

    def setUp(self) -> None:
        self.torchWasThere = "torch" in sys.modules
        slicer.mrmlScene.Clear(0)
        rows, columns = np.mgrid[:48, :40]
        array = np.stack([300 + 100 * np.sin(rows / 5 + k) * np.cos(columns / 4) for k in range(3)]).astype(np.float32)
        self.node = slicer.util.addVolumeFromArray(array, ijkToRAS=np.diag([-0.9, -0.9, 3.0, 1.0]), name="t2")

    def test_a_volume_is_restored_in_place(self) -> None:
        from PartialDiffusionSRLib.dependencies import torchIsThere
        from PartialDiffusionSRLib.logic import PartialDiffusionSRLogic

        logic = PartialDiffusionSRLogic()
        if not torchIsThere():
            from pdm_core.errors import MissingDependencyError

            with self.assertRaises(MissingDependencyError):
                logic.process(self.node, factor=2, model="fast", device="cpu")
            return
        result = logic.process(self.node, factor=2, model="fast", device="cpu")
        self.assertEqual(slicer.util.arrayFromVolume(result.volume).shape, (3, 96, 80))
        self.assertEqual(result.volume.GetOrigin(), self.node.GetOrigin())
        self.assertGreater(result.provenance["consistency_db"], 90)
        self.assertFalse(self.torchWasThere < ("torch" in sys.modules), "Slicer itself must not import torch")

    def test_zones_are_segments_in_their_place(self) -> None:
        from PartialDiffusionSRLib.zoneNodes import placeZones

        labels = np.zeros((3, 48, 40), np.uint8)
        labels[1, 10:20, 5:30], labels[1, 12:16, 10:20] = 1, 2
        report = {
            "volumes_ml": {"peripheral_zone": 0.5, "transition_zone": 0.1, "gland": 0.6},
            "flags": ["small"],
            "model": "none",
            "licence": "none",
            "non_commercial": False,
        }
        event = {"zone_report": report, "provenance": {}}
        zones = placeZones(self.node, labels, np.diag([-0.9, -0.9, 3.0, 1.0]), event)
        for label, key in ((1, "peripheral_zone"), (2, "transition_zone")):
            found = slicer.util.arrayFromSegmentBinaryLabelmap(zones.segmentation, key, self.node)
            np.testing.assert_array_equal(found > 0, labels == label)
            self.assertGreater(zones.segmentation.GetClosedSurfaceInternalRepresentation(key).GetNumberOfCells(), 0)
        self.assertEqual(zones.table.GetCellText(2, 2), "small")

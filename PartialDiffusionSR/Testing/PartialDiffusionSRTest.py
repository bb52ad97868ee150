"""Self test in a running Slicer (ctest): a volume goes through the real worker and comes back in its place."""

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

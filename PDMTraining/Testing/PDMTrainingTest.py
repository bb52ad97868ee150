"""Self test in a running Slicer (ctest): made-up volumes become a dataset, and a tiny training writes its curves."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import slicer

_RECIPE = {
    "name": "selftest", "network": {"preset": "fast", "channels": [16, 32], "blocks": 1, "detail": 8}, "crop": 48, "batch": 2,
    "iterations": 2, "validate_every": 2,
    "card": {"title": "t", "purpose": "p", "licence": "l", "data": [{"name": "n"}], "contrasts": ["c"]},
}  # fmt: skip


class PDMTrainingTest(unittest.TestCase):
    """Needs torch, matplotlib and PyYAML in Slicer's Python; without them the reason is checked instead."""

    def setUp(self) -> None:
        self.torchWasThere = "torch" in sys.modules
        slicer.mrmlScene.Clear(0)

    def test_a_dataset_is_prepared_and_trained_on(self) -> None:
        from pdm_core.errors import MissingDependencyError
        from PDMTrainingLib.curves import Curves
        from PDMTrainingLib.logic import PDMTrainingLogic
        from PDMTrainingLib.requirements import ensureTrainingDependencies

        try:
            ensureTrainingDependencies(interactive=False)
        except MissingDependencyError as missing:
            self.assertTrue(missing.hint)
            return
        logic = PDMTrainingLogic()
        with tempfile.TemporaryDirectory(prefix="pdm") as name:
            folder = Path(name)
            self._writeStudies(folder / "studies")
            dataset, run, recipe = folder / "dataset", folder / "run", folder / "recipe.json"
            logic.process(["prepare", folder / "studies", "-o", dataset, "--min-matrix", "48", "--min-slices", "3"])
            recipe.write_text(json.dumps(_RECIPE), encoding="utf-8")
            logic.process(["train", recipe, "-o", run, "--data", dataset, "--device", "cpu"])
            self.assertTrue((run / "selftest.safetensors").is_file())
            self.assertTrue(Curves(run).refresh())
        (table,) = slicer.util.getNodesByClass("vtkMRMLTableNode")
        self.assertEqual(table.GetTable().GetValueByName(0, "step").ToInt(), 2)
        self.assertFalse(self.torchWasThere < ("torch" in sys.modules), "Slicer itself must not import torch")

    def _writeStudies(self, folder: Path) -> None:
        from pdm_core.volume import Volume, write_volume

        for number in range(3):
            array = np.random.default_rng(number).random((3, 64, 64)).astype(np.float32)
            array[:, 8 + number : 40, 12:50] += 2
            (folder / f"patient{number}").mkdir(parents=True)
            write_volume(Volume(array, np.eye(4)), folder / f"patient{number}" / "t2.nii.gz")

"""Prepared datasets: verified volumes with a patient-level split, in memory-mapped files beside their index."""

from pdm_core.training.dataset.index import INDEX, Dataset, DataSource, Refusal, VolumeRecord
from pdm_core.training.dataset.preparation import prepare
from pdm_core.training.dataset.rules import SelectionRules
from pdm_core.training.dataset.splitting import SplitShares

__all__ = ["INDEX", "DataSource", "Dataset", "Refusal", "SelectionRules", "SplitShares", "VolumeRecord", "prepare"]

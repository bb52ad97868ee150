"""What the training needs besides torch, asked for at a start only."""

from pathlib import Path

from PartialDiffusionSRLib.dependencies import REQUIREMENTS, ensureDependencies

# With the module's name: installed, the resources of both modules lie in one folder.
_TRAINING = Path(__file__).resolve().parents[1] / "Resources" / "PDMTraining-requirements.txt"


def ensureTrainingDependencies(interactive: bool) -> None:
    """As `ensureDependencies`, with what the training needs besides."""
    ensureDependencies(interactive, (REQUIREMENTS, _TRAINING))

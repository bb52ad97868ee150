"""The comparison of systems by the paper's tables and figures, on real data: every system through the same measure, once.

The package adds `pdm-sr study` to the command line of `pdm_core`, and its small comparison models and their training recipes
to what `pdm_core` finds by name.
"""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
RECIPES = Path(__file__).parent / "recipes"

__all__ = ["RECIPES", "WEIGHTS"]

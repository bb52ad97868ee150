"""Training of restoration and zone models: a recipe in, a finished run out; see `pdm_core.publishing` for the model."""

from pdm_core.training.loop import TrainingLimits, finished, train
from pdm_core.training.recipe import Recipe, load_recipe

__all__ = ["Recipe", "TrainingLimits", "finished", "load_recipe", "train"]

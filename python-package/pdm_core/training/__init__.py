"""Training of in-plane models: a recipe in, a model with its card out."""

from pdm_core.training.loop import TrainingLimits, finished, train
from pdm_core.training.publish import publish
from pdm_core.training.recipe import Recipe, load_recipe

__all__ = ["Recipe", "TrainingLimits", "finished", "load_recipe", "publish", "train"]

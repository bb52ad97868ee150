"""A finished training run becomes a model: exported with its card, measured, and accepted into the zoo or refused."""

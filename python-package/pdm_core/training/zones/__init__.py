"""Training of models of the prostate's zones: examples, augmentation, loss and validation for the one training loop."""

"""How a scanner loses resolution: k-space zero padding, slice profiles and an image's true bandwidth (no networks here)."""

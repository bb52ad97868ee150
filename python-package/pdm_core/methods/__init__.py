"""One small file per system that the paper uses or compares with."""

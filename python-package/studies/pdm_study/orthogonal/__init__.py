"""A real scan restored between its slices, against the scans of the same patient that were taken across it."""

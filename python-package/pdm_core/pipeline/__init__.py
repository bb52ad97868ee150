"""Super-resolution of whole volumes: slices, noise, projection, uncertainty and provenance."""

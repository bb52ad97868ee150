"""How a scanner loses resolution: k-space zero padding and the bandwidth that an image truly has (no networks here)."""

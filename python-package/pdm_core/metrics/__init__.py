"""What images, label maps and uncertainties are measured by, and the intervals of what was measured."""

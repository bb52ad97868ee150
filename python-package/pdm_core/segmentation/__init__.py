"""Zonal segmentation of the prostate: labels and codes, engines, plausibility, files; `labels` needs no torch."""

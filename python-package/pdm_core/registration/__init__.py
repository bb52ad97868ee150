"""Rigid motion between scans of one patient."""

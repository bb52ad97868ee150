"""Metrics by named conventions, and the tables that model cards quote."""

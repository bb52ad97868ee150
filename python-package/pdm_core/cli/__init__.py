"""The command line `pdm-sr`."""

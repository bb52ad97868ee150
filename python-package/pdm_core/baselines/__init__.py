"""Systems that no model of the zoo is needed for: interpolation, and networks trained on the scan itself or by others."""

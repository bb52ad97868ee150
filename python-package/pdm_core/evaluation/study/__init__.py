"""The paper's tables and figures on real data: every system through the same measure, once."""

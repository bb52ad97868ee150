"""Self-contained HTML pages and contact sheets, whatever they report."""

"""A run's report: one page with tables, curves and pictures."""

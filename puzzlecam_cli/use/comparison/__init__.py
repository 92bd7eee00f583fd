"""Runs side by side: scores with a paired bootstrap over photos, and all in which the runs differ."""

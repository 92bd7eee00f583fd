"""Processes: one parent that starts and watches several ranks, the lock on a run, and the wish to stop."""

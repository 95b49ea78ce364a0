"""The cases: one file each, from a run's means to a result."""

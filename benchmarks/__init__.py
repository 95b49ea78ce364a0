"""Benchmarks: bulkput beside its competitors and beside its own promises, in one run."""

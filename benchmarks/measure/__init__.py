"""Measuring: processes from the outside, and the arithmetic on what was seen."""

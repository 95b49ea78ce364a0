"""What a Python program calls; the command line is a thin face of the same functions."""

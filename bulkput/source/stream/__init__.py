"""Disks that can only be read from front to back: compressed files and standard input."""

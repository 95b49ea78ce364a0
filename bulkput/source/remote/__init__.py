"""Disks that are read over the network, a range of bytes at a time."""

"""What is read: raw files and block devices, their extents, windows and identity."""

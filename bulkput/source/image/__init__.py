"""Disk images in QEMU's formats, seen as the raw bytes of their disk."""

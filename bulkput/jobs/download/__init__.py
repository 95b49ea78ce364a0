"""A snapshot becomes a file or the content of a device."""

"""Where a snapshot is written back to: a file or a block device."""

"""bulkput turns disks into EBS snapshots and proves that every byte arrived."""

__version__ = "0.1.0"

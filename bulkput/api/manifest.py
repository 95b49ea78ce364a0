"""A manifest is found by its file, snapshot or volume. Reads only."""

from bulkput.jobs.state.manifest_at_hand import locate_manifest, snapshots_with_manifest

__all__ = ["locate_manifest", "snapshots_with_manifest"]

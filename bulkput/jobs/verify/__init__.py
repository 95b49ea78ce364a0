"""Snapshots are compared with sources and manifests."""

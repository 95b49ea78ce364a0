"""Keeping manifests: what a completed snapshot holds stays known when its ledger is begun anew."""

from pathlib import Path

from bulkput import __version__
from bulkput.jobs.context import JobContext
from bulkput.ledger.facts import is_snapshot_id
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.ledger.manifest_header import ManifestHeader
from bulkput.ledger.overlay import write_overlay
from bulkput.model.block import BLOCKS_PER_GIB


def keep_manifest(context: JobContext, ledger: Ledger, parent: Manifest | None) -> Path:
    """Write the manifest of the snapshot that ``ledger`` is of, and return where it is. Blocks.

    Writing it again is harmless.

    Raises:
        LedgerError: it cannot be written.
        TemporaryError: the disk is full.
    """
    facts = ledger.header
    assert facts.snapshot_id is not None  # noqa: S101 - it is completed
    path = manifest_path(context.state_dir, facts.snapshot_id)
    header = ManifestHeader(
        snapshot_id=facts.snapshot_id,
        parent_snapshot_id=facts.parent_snapshot_id,
        volume_size_gib=facts.volume_size_gib,
        block_count=facts.volume_size_gib * BLOCKS_PER_GIB,
        source_path=facts.source_path,
        source_size_bytes=facts.size_bytes,
        encrypted=facts.encrypted,
        region=facts.region,
        endpoint_url=facts.endpoint_url,
        created_unix_s=context.clock.unix_s(),
        program_version=__version__,
    )
    write_overlay(path, header, ledger, parent)
    return path


def locate_manifest(state_dir: Path, target: str) -> Path:
    """Return the file that ``target`` names: a path, or a snapshot whose manifest is kept here."""
    given = Path(target)
    is_kept = is_snapshot_id(target) and not given.exists()
    return manifest_path(state_dir, target) if is_kept else given

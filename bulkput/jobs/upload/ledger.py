"""The ledger of one volume: opened, or made, and begun anew with a token of its own.

The client token is derived from what the volume is, a random nonce and the attempt's number, and
is stored before StartSnapshot is called. So a crash in between replays the call and gets the same
snapshot, and a snapshot that was deleted or has ended is never handed out again.
"""

import secrets
from collections.abc import Iterator
from dataclasses import replace

from bulkput import __version__
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.state.upload_key import upload_folder, upload_key
from bulkput.jobs.upload import rules
from bulkput.jobs.upload.client_token import client_token
from bulkput.jobs.upload.snapshot import UploadContext
from bulkput.ledger.folder import ensure_folder, ensure_state_dir
from bulkput.ledger.header import UNDELIVERED_MAX, LedgerHeader
from bulkput.ledger.header_file import has_ledger
from bulkput.ledger.ledger import Ledger
from bulkput.model.errors import LedgerError
from bulkput.model.zeros import ZeroPolicy
from bulkput.source.source import Source


def open_ledger(context: JobContext, volume: VolumeSettings, source: Source) -> Ledger:
    """Return the ledger of this volume, locked; a new one where there is none. Blocks.

    Raises:
        ConfigError: the volume cannot hold the source.
        LedgerError: it cannot be used.
        TemporaryError: the disk is full.
    """
    rules.require_source_fits(volume, source.path, source.size_bytes)
    folder = upload_folder(
        context.state_dir,
        volume,
        endpoint_url=context.endpoint_url,
        region=context.service.region,
        source_path=source.path,
    )
    ensure_state_dir(context.state_dir)
    ensure_folder(folder)
    if has_ledger(folder):
        ledger = Ledger.open(folder)
        if ledger.header.source_path != str(source.path):
            # The folder's name is made of the path: a ledger that was copied here would put
            # this source's blocks into the other's snapshot.
            ledger.close()
            what = f"is the ledger of {ledger.header.source_path}, not of {source.path}"
            raise LedgerError(folder, f"{what}. To start a new snapshot, remove this folder")
        return ledger
    first = _new_header(
        context,
        volume,
        source,
        attempt=1,
        block_count=source.block_count,
        size_gib=rules.volume_size_gib(volume, source.size_bytes),
        parent_snapshot_id=volume.snapshot.parent,
    )
    return Ledger.create(folder, first)


def begin_attempt(place: UploadContext, *, kept: tuple[str, ...] = ()) -> None:
    """Give the ledger up for a new snapshot, but for what is still to be reported of it."""
    header = place.ledger.header
    undelivered = () if header.delivered else (*header.undelivered, *kept)
    following = _new_header(
        place.context,
        place.volume,
        place.source,
        attempt=header.attempt + 1,
        block_count=place.block_count,
        size_gib=place.volume_size_gib,
        parent_snapshot_id=place.parent_snapshot_id,
    )
    place.ledger.restart(replace(following, undelivered=undelivered[-UNDELIVERED_MAX:]))


def _new_header(
    context: JobContext,
    volume: VolumeSettings,
    source: Source,
    *,
    attempt: int,
    block_count: int,
    size_gib: int,
    parent_snapshot_id: str | None,
) -> LedgerHeader:
    nonce = secrets.token_hex(16)
    now_s = context.clock.unix_s()
    return LedgerHeader(
        client_token=client_token(
            volume.snapshot.client_token, _key(context, volume, source), nonce, attempt
        ),
        attempt=attempt,
        nonce=nonce,
        source_path=str(source.path),
        source_identity=source.identity.as_dict(),
        size_bytes=source.size_bytes,
        block_count=block_count,
        volume_size_gib=size_gib,
        parent_snapshot_id=parent_snapshot_id,
        zero_policy=ZeroPolicy.WRITE,
        encrypted=False,
        region=context.service.region,
        endpoint_url=context.endpoint_url,
        created_unix_s=now_s,
        updated_unix_s=now_s,
        program_version=__version__,
    )


def _key(context: JobContext, volume: VolumeSettings, source: Source) -> Iterator[str]:
    return upload_key(
        volume,
        endpoint_url=context.endpoint_url,
        region=context.service.region,
        source_path=source.path,
    )

"""How a snapshot is found or started: a rerun finds its own, and never a deleted one.

The client token is derived from what the volume is, a random nonce and the attempt's number, and
is stored before StartSnapshot is called. So a crash in between replays the call and gets the same
snapshot, and a snapshot that was deleted or has ended is never handed out again.
"""

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from bulkput import __version__
from bulkput.config.volume import VolumeSettings
from bulkput.ebs.classify import denies_tags
from bulkput.ebs.snapshot import SnapshotState, StartedSnapshot, StartRequest
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.state.snapshot_tag import tags_with_owner
from bulkput.jobs.state.upload_key import upload_folder, upload_key
from bulkput.jobs.upload.encryption import (
    ask_encryption,
    encrypted_after_all,
    require_encryption_of_parent,
    resolved_zeros,
)
from bulkput.jobs.upload.parent import LostParentError, parent_for_new, parent_of_resumed
from bulkput.jobs.upload.resume_decision import ResumeAction, decide_resume
from bulkput.jobs.upload.snapshot import UploadContext
from bulkput.jobs.upload.trust import trusts
from bulkput.ledger.folder import ensure_folder, ensure_state_dir
from bulkput.ledger.header import UNDELIVERED_MAX, LedgerHeader, LedgerPhase
from bulkput.ledger.header_file import has_ledger
from bulkput.ledger.ledger import Ledger
from bulkput.model.block import volume_size_gib
from bulkput.model.errors import ConfigError, LedgerError, Problem, ServiceError, SnapshotError
from bulkput.model.failure import FailureClass
from bulkput.model.zeros import ZeroPolicy
from bulkput.planning.zeros import ResolvedZeros
from bulkput.source.source import Source

_REPLAY_AGE_S = 5.0
"""A snapshot whose StartTime is further behind the answer's Date than this was started by an
earlier call: StartSnapshot answers within about a second."""


_ATTEMPTS_MAX = 5
"""Snapshots in a row that turn out to be gone already: more is no accident."""

TIMEOUT_DEFAULT_MIN = 4320
"""The longest the service allows, 72 h: so long an interrupted upload can be resumed."""


@dataclass(frozen=True)
class UploadSnapshot:
    """A snapshot that takes puts, or that is only to be waited for."""

    snapshot_id: str
    zeros: ResolvedZeros
    trust: bool
    """The source is what it was, so blocks that the ledger vouches for need not be read."""
    only_wait: bool = False
    is_completed: bool = False
    """There is not even a wait left."""
    puts_all: bool = False
    """The snapshot may hold blocks of an unknown run: none is taken for the parent's."""


def open_ledger(context: JobContext, volume: VolumeSettings, source: Source) -> Ledger:
    """Return the ledger of this volume, locked; a new one where there is none. Blocks.

    Raises:
        ConfigError: the volume cannot hold the source.
        LedgerError: it cannot be used.
        TemporaryError: the disk is full.
    """
    wanted_gib, needed_gib = volume.snapshot.volume_size_gib, volume_size_gib(source.size_bytes)
    if wanted_gib is not None and wanted_gib < needed_gib:
        what = f"{source.path} needs {needed_gib} GiB, the volume has {wanted_gib}"
        raise ConfigError((Problem("snapshot.volume_size_gib", what),))
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
    size_gib = wanted_gib or needed_gib
    first = _new_header(
        context,
        volume,
        source,
        attempt=1,
        block_count=source.block_count,
        size_gib=size_gib,
        parent_snapshot_id=volume.snapshot.parent,
    )
    return Ledger.create(folder, first)


async def start_or_resume(place: UploadContext) -> tuple[UploadSnapshot, UploadContext]:
    """Return the snapshot to put this volume's blocks into; its table is open in the ledger.

    Returns:
        The snapshot, and the place with the parent that was found.

    Raises:
        BulkputError: of the ledger, the parent, the service, or the configuration.
    """
    header = place.ledger.header
    wait = place.volume.snapshot.wait
    live = None
    if header.snapshot_id is not None and not header.is_over(wait=wait):
        age_s = place.context.clock.unix_s() - header.created_unix_s
        live = await place.describe_new(header.snapshot_id, age_s)
    if live is not None:
        # A run that died at once may be resumed before puts find the snapshot.
        clock = place.context.clock
        age_s = max(0.0, clock.unix_s() - live.start_unix_s)
        place.retrier.snapshot_started_s = clock.monotonic_s() - age_s
    goes_on = live is not None and live.state != "error"
    try:
        place = replace(
            place, parent=await (parent_of_resumed if goes_on else parent_for_new)(place)
        )
    except LostParentError as lost:
        if place.series is None:
            raise
        place.note(f"{lost}. It is deleted")
        await place.delete(lost.snapshot_id)
        live, goes_on = None, False
        place = replace(place, parent=await parent_for_new(place))
    decision = decide_resume(
        header,
        live,
        block_count=place.block_count,
        volume_size_gib=place.volume_size_gib,
        parent_snapshot_id=place.parent_snapshot_id,
        wait=wait,
    )
    # Of a completed snapshot more is said when it is known whether the source still holds it.
    if decision.note and decision.action is not ResumeAction.REPORT_COMPLETED:
        place.note(decision.note)
    if decision.abandoned_snapshot_id is not None:
        await place.delete(decision.abandoned_snapshot_id)
    if decision.action is ResumeAction.START:
        if goes_on:
            place = replace(place, parent=await parent_for_new(place))
        _begin_attempt(place)
    if decision.action in {ResumeAction.START, ResumeAction.REPLAY}:
        upload_snapshot = await _start(place)
    else:
        only_wait = decision.action in {ResumeAction.WAIT, ResumeAction.REPORT_COMPLETED}
        upload_snapshot = _take_up(place, live, only_wait=only_wait)
    return upload_snapshot, place


async def start_anew(place: UploadContext) -> tuple[UploadSnapshot, UploadContext]:
    """Start a new snapshot; the ledger's, which an earlier run sealed, is kept and remembered.

    Raises:
        BulkputError: as ``start_or_resume``.
    """
    place = replace(place, parent=await parent_for_new(place))
    kept = place.ledger.header.snapshot_id
    _begin_attempt(place, kept=() if kept is None else (kept,))
    return await _start(place), place


async def _start(place: UploadContext) -> UploadSnapshot:
    """Call StartSnapshot until it gives a snapshot that takes puts."""
    resolved_zeros(place, place.volume.zeros, encrypted=_is_asked_for_encryption(place))
    if place.parent is not None:
        # EC2 says completed up to a minute before the direct side starts children.
        place.retrier.snapshot_started_s = place.context.clock.monotonic_s()
    for attempts_left in reversed(range(_ATTEMPTS_MAX)):
        try:
            started = await _call_start(place)
        except ServiceError as error:
            own_token = place.volume.snapshot.client_token is None
            if error.failure is not FailureClass.CONFLICT or not own_token or not attempts_left:
                raise
            _begin_attempt(place)  # started with other attributes, by a run that was interrupted
            continue
        replayed = started.age_s > _REPLAY_AGE_S
        if replayed:
            live = await place.describe_new(started.snapshot_id, started.age_s)
            if live is None or live.state != "pending":
                _begin_attempt(place)
                continue
        return await _bind(place, started, holds_unknown=replayed)
    raise SnapshotError(
        started.snapshot_id, f"{_ATTEMPTS_MAX} snapshots in a row were gone right after their start"
    )


def _is_asked_for_encryption(place: UploadContext) -> bool:
    """Tell whether the snapshot is encrypted by the settings or by its parent."""
    if place.parent is not None:
        return place.parent.header.encrypted
    return place.volume.snapshot.asks_for_encryption


async def _call_start(place: UploadContext) -> StartedSnapshot:
    snapshot, parent = place.volume.snapshot, place.parent
    request = StartRequest(
        volume_size_gib=place.volume_size_gib,
        parent_snapshot_id=place.parent_snapshot_id,
        client_token=place.ledger.header.client_token,
        description=snapshot.description or "",
        tags=tags_with_owner(snapshot, place.ledger.folder),
        encrypted=snapshot.encrypted if parent is None else None,
        kms_key_arn=snapshot.kms_key_arn if parent is None else None,
        timeout_min=snapshot.timeout_min or TIMEOUT_DEFAULT_MIN,
    )
    try:
        return await _send_start(place, request)
    except ServiceError as error:
        if request.tags == snapshot.tags or not denies_tags(error):
            raise
    started = await _send_start(place, replace(request, tags=snapshot.tags))
    place.note(
        f"{started.snapshot_id} has no tag bulkput, because ec2:CreateTags is not allowed: "
        "`bulkput gc` will not find it if its ledger is lost"
    )
    return started


async def _send_start(place: UploadContext, request: StartRequest) -> StartedSnapshot:
    context = place.context
    return await place.retrier.run(
        partial(context.service.control.start_snapshot, request),
        context.on_call_retry(place.volume.label),
    )


async def _bind(
    place: UploadContext, started: StartedSnapshot, *, holds_unknown: bool
) -> UploadSnapshot:
    """Note the snapshot in the ledger.

    Only a token that the user gave can lead to a snapshot with content of unknown runs; there
    every block is put, because one that is left out might be anything.
    """
    context = place.context
    place.retrier.snapshot_started_s = context.clock.monotonic_s()
    requested = place.volume.zeros
    puts_all = holds_unknown and place.volume.snapshot.client_token is not None
    if puts_all:
        requested = ZeroPolicy.WRITE
        place.note(f"{started.snapshot_id} was started by an unknown run: every block is put")
    encrypted = started.encrypted or _is_asked_for_encryption(place)
    try:
        known = await ask_encryption(place, started, requested, encrypted=encrypted)
    except (ConfigError, SnapshotError):
        await place.delete(started.snapshot_id)
        raise
    ledger = place.ledger
    # Nothing is marked yet: what will be is marked of the source as it is now.
    ledger.amend(replace(ledger.header, source_identity=place.source.identity.as_dict()))
    ledger.bind(
        started.snapshot_id,
        zero_policy=known.zeros.policy,
        encrypted=known.encrypted,
        now_unix_s=context.clock.unix_s(),
    )
    return UploadSnapshot(started.snapshot_id, known.zeros, trust=False, puts_all=puts_all)


def _take_up(
    place: UploadContext, live: SnapshotState | None, *, only_wait: bool
) -> UploadSnapshot:
    """Go on with the snapshot in the ledger."""
    ledger, source = place.ledger, place.source
    header = ledger.header
    assert header.snapshot_id is not None  # noqa: S101 - judged
    encrypted = header.encrypted
    if live is not None and live.encrypted and not encrypted:
        require_encryption_of_parent(place, header.snapshot_id)
        place.note(encrypted_after_all(header.snapshot_id))
        encrypted = True
    zeros = resolved_zeros(place, _zeros_to_go_on_with(place), encrypted=encrypted)
    same_source = dict(header.source_identity) == source.identity.as_dict()
    if only_wait:
        ledger.trust_unknown()  # every mark was flushed before the seal began
        is_completed = header.phase is LedgerPhase.COMPLETED
        return UploadSnapshot(
            header.snapshot_id,
            zeros,
            trust=True,
            only_wait=True,
            is_completed=is_completed,
        )
    trust = trusts(place.volume.resume, source, header.source_identity)
    same_policy = header.zero_policy is zeros.policy
    if trust and same_policy:
        ledger.trust_unknown()
    if not same_source:
        place.note("the source changed since the upload began: all of it is read and compared")
    if not (same_source and same_policy):
        ledger.flush()  # marks may go missing only while what they were made under still stands
    is_mixed = ledger.marks_lost or not same_source
    ledger.amend(
        replace(
            ledger.header,
            source_identity=_MIXED if is_mixed else header.source_identity,
            zero_policy=zeros.policy,
            encrypted=encrypted,
            updated_unix_s=place.context.clock.unix_s(),
        )
    )
    return UploadSnapshot(header.snapshot_id, zeros, trust=trust, puts_all=_may_hold_unknown(place))


_MIXED: dict[str, Any] = {}
"""The identity of no source: the marks are of several, so that no later run may trust them unread,
however often this one is interrupted before it has compared them all."""


def _zeros_to_go_on_with(place: UploadContext) -> ZeroPolicy:
    """Return the wanted policy; every block stays to be put where an unknown run may have been."""
    return ZeroPolicy.WRITE if _may_hold_unknown(place) else place.volume.zeros


def _may_hold_unknown(place: UploadContext) -> bool:
    """Tell whether the snapshot was found by a token that the user gave and is put completely."""
    begun_under = place.ledger.header.zero_policy
    return place.volume.snapshot.client_token is not None and begun_under is ZeroPolicy.WRITE


def _begin_attempt(place: UploadContext, *, kept: tuple[str, ...] = ()) -> None:
    """Give the ledger up for a new snapshot, but for what is still to be reported of it."""
    header = place.ledger.header
    undelivered = () if header.told else (*header.undelivered, *kept)
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
        client_token=_token(context, volume, source, nonce, attempt),
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


def _token(
    context: JobContext, volume: VolumeSettings, source: Source, nonce: str, attempt: int
) -> str:
    given = volume.snapshot.client_token
    if given is not None:
        return given if attempt == 1 else f"{given}-{attempt}"
    parts = (*_key(context, volume, source), nonce, str(attempt))
    return "bulkput-" + hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def _key(context: JobContext, volume: VolumeSettings, source: Source) -> Iterator[str]:
    return upload_key(
        volume,
        endpoint_url=context.endpoint_url,
        region=context.service.region,
        source_path=source.path,
    )

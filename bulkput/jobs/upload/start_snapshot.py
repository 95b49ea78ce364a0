"""StartSnapshot: called with the ledger's token until it gives a snapshot that takes puts."""

from dataclasses import replace
from functools import partial

from bulkput.ebs.classify import denies_tags
from bulkput.ebs.snapshot import StartedSnapshot, StartRequest
from bulkput.jobs.state.snapshot_tag import tags_with_owner
from bulkput.jobs.upload import rules
from bulkput.jobs.upload.encryption import (
    ask_encryption,
    resolved_zeros,
)
from bulkput.jobs.upload.ledger import begin_attempt
from bulkput.jobs.upload.snapshot import UploadContext, UploadSnapshot
from bulkput.model.errors import ConfigError, ServiceError, SnapshotError
from bulkput.model.failure import FailureClass
from bulkput.model.zeros import ZeroPolicy

_REPLAY_AGE_S = 5.0
"""A snapshot whose StartTime is further behind the answer's Date than this was started by an
earlier call: StartSnapshot answers within about a second."""


_ATTEMPTS_MAX = 5
"""Snapshots in a row that turn out to be gone already: more is no accident."""

TIMEOUT_DEFAULT_MIN = 4320
"""The longest the service allows, 72 h: so long an interrupted upload can be resumed."""


async def start_snapshot(place: UploadContext) -> UploadSnapshot:
    """Call StartSnapshot until it gives a snapshot that takes puts, and note it in the ledger.

    Raises:
        BulkputError: of the ledger, the service, or the configuration.
    """
    resolved_zeros(place, place.volume.zeros, encrypted=_is_asked_for_encryption(place))
    if place.parent is not None:
        # EC2 reports completed up to a minute before the direct side starts children.
        place.retrier.snapshot_started_s = place.context.clock.monotonic_s()
    for attempts_left in reversed(range(_ATTEMPTS_MAX)):
        try:
            started = await _call_start(place)
        except ServiceError as error:
            own_token = place.volume.snapshot.client_token is None
            if error.failure is not FailureClass.CONFLICT or not own_token or not attempts_left:
                raise
            begin_attempt(place)  # started with other attributes, by a run that was interrupted
            continue
        replayed = started.age_s > _REPLAY_AGE_S
        if replayed:
            live = await place.describe_new(started.snapshot_id, started.age_s)
            if live is None or live.state != "pending":
                begin_attempt(place)
                continue
        return await _bind(place, started, holds_unknown=replayed)
    raise SnapshotError(
        started.snapshot_id, f"{_ATTEMPTS_MAX} snapshots in a row were gone right after their start"
    )


def _is_asked_for_encryption(place: UploadContext) -> bool:
    """Return whether the snapshot is encrypted by the settings or by its parent."""
    parent_encrypted = None if place.parent is None else place.parent.header.encrypted
    return rules.is_to_be_encrypted(place.volume, parent_encrypted=parent_encrypted)


async def _call_start(place: UploadContext) -> StartedSnapshot:
    snapshot, parent = place.volume.snapshot, place.parent
    request = StartRequest(
        volume_size_gib=place.volume_size_gib,
        parent_snapshot_id=place.parent_snapshot_id,
        client_token=place.ledger.header.client_token,
        description=snapshot.description or "",
        tags=tags_with_owner(snapshot, place.ledger.folder, place.context.store_address),
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
    return await place.retrier.run_gated(
        context.starts,
        partial(context.service.control.start_snapshot, request),
        context.on_call_retry(place.volume.label),
    )


async def _bind(
    place: UploadContext, started: StartedSnapshot, *, holds_unknown: bool
) -> UploadSnapshot:
    """Note the snapshot in the ledger.

    Of the tokens only one that the user gave can lead to a snapshot of unknown sources; there
    every block is put, because one that is left out might be anything. What other hosts put by a
    token that a state store had, the ledger's lost marks stand for.
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
        await place.snapshots.delete(started.snapshot_id)
        raise
    ledger = place.ledger
    # Nothing is marked yet: what will be is marked of the source as it is now.
    ledger.amend(replace(ledger.header, source_identity=place.source.identity.as_dict()))
    ledger.bind(
        started.snapshot_id,
        zero_policy=known.zeros.policy,
        encrypted=known.encrypted,
        now_unix_s=context.clock.unix_s(),
        holds_unknown=holds_unknown,
    )
    return UploadSnapshot(started.snapshot_id, known.zeros, trust=False, puts_all=puts_all)

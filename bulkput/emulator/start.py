"""StartSnapshot: its parameters, the replay of a ClientToken, parents and encryption.

Owns the rules about what may be started. Pure but for the store that it adds to.
"""

import dataclasses
import json
import math
from typing import Any

from bulkput.emulator.account import Account
from bulkput.emulator.answer import Answer, json_answer
from bulkput.emulator.call import Call
from bulkput.emulator.errors import (
    ApiError,
    invalid,
    invalid_parameter,
    parent_not_complete,
    public_snapshot,
    serialization,
    snapshot_not_found,
    token_conflict,
    too_many_pending,
)
from bulkput.emulator.geometry import BLOCK_SIZE_BYTES, VOLUME_SIZE_MAX_GIB
from bulkput.emulator.options import OWNER_ID
from bulkput.emulator.snapshot import Record, Snapshot, State
from bulkput.emulator.validation import Constraints, member

_TAGS_MAX = 50
_TIMEOUT_DEFAULT_MIN = 60
_TIMEOUT_MIN_MIN = 10
_TIMEOUT_MAX_MIN = 4320


@dataclasses.dataclass(frozen=True)
class _Parameters:
    volume_size_gib: int
    parent_id: str | None
    description: str | None
    tags: tuple[tuple[str, str], ...] | None
    client_token: str | None
    encrypted: bool | None
    kms_key_arn: str | None
    timeout_min: int | None

    def canonical(self) -> str:
        """Return the text that is equal for equal parameters, the token left out."""
        fields = dataclasses.asdict(self)
        del fields["client_token"]
        fields["tags"] = sorted(self.tags or ())
        return json.dumps(fields, sort_keys=True)


def start_snapshot(account: Account, call: Call) -> Answer:
    """Start a snapshot, or replay the start that the ClientToken belongs to.

    Raises:
        ApiError: the parameters do not hold.
    """
    wanted = _read(call.body)
    if wanted.client_token is not None:
        earlier = account.store.by_client_token(wanted.client_token, call.region)
        if earlier is not None:
            if earlier.record.request != wanted.canonical():
                raise token_conflict()
            return _answer(account, wanted, earlier.record)
    parent = _parent(account, wanted, call.region)
    key_arn = _key_arn(account, wanted, parent, call.region)
    limit = account.options.pending_snapshots_max
    if account.pending_count() >= limit:
        raise too_many_pending(limit)
    snapshot_id = account.store.new_id()
    record = Record(
        snapshot_id=snapshot_id,
        owner_id=OWNER_ID,
        volume_size_gib=wanted.volume_size_gib,
        parent_id=wanted.parent_id,
        description=wanted.description,
        tags=wanted.tags,
        client_token=wanted.client_token,
        request=wanted.canonical(),
        kms_key_arn=key_arn,
        timeout_min=wanted.timeout_min or _TIMEOUT_DEFAULT_MIN,
        started_unix_s=math.floor(account.clock.unix_s() * 1000) / 1000,
        layer_ids=(snapshot_id, *(parent.record.layer_ids if parent else ())),
        region=call.region,
    )
    account.store.add(record)
    return _answer(account, wanted, record)


def _answer(account: Account, wanted: _Parameters, record: Record) -> Answer:
    """Return the first answer, whatever has become of the snapshot since."""
    tags = record.tags
    by_default = wanted.encrypted is None and wanted.kms_key_arn is None and not wanted.parent_id
    is_shown = record.encrypted and (account.options.ebd_shown or not by_default)
    return json_answer(
        201,
        {
            "BlockSize": BLOCK_SIZE_BYTES,
            "Description": record.description,
            "KmsKeyArn": record.kms_key_arn if is_shown else None,
            "OwnerId": record.owner_id,
            "ParentSnapshotId": record.parent_id,
            "SnapshotId": record.snapshot_id,
            "SseType": None,
            "StartTime": record.started_unix_s,
            "Status": State.PENDING,
            "Tags": None if tags is None else [{"Key": k, "Value": v} for k, v in tags],
            "VolumeSize": record.volume_size_gib,
        },
    )


def _read(body: bytes) -> _Parameters:
    try:
        fields = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise serialization("The request body is not JSON") from None
    if not isinstance(fields, dict):
        raise serialization("The request body is not a JSON object")
    tags = _tags(fields)
    wanted = _Parameters(
        volume_size_gib=member(fields, "VolumeSize", int),
        parent_id=member(fields, "ParentSnapshotId", str),
        description=member(fields, "Description", str),
        tags=tags,
        client_token=member(fields, "ClientToken", str),
        encrypted=member(fields, "Encrypted", bool),
        kms_key_arn=member(fields, "KmsKeyArn", str),
        timeout_min=member(fields, "Timeout", int),
    )
    check = Constraints()
    check.present("volumeSize", wanted.volume_size_gib)
    check.number("volumeSize", wanted.volume_size_gib, 1)
    check.snapshot_id("parentSnapshotId", wanted.parent_id)
    check.text("description", wanted.description, high=255)
    check.client_token(wanted.client_token)
    check.kms_key_arn(wanted.kms_key_arn)
    check.number("timeout", wanted.timeout_min, _TIMEOUT_MIN_MIN, _TIMEOUT_MAX_MIN)
    for number, (key, value) in enumerate(tags or (), 1):
        check.text(f"tags.{number}.member.key", key, high=127)
        check.text(f"tags.{number}.member.value", value, low=0, high=255)
    check.raise_any()
    if wanted.volume_size_gib > VOLUME_SIZE_MAX_GIB:
        raise invalid(
            "INVALID_VOLUME_SIZE",
            f"Volume size {wanted.volume_size_gib} is not valid, the maximum is "
            f"{VOLUME_SIZE_MAX_GIB} GiB",
        )
    return wanted


def _tags(fields: dict[str, Any]) -> tuple[tuple[str, str], ...] | None:
    """Return the tags in the order given.

    Raises:
        ApiError: too many, or not each of its own key.
    """
    listed = member(fields, "Tags", list)
    if listed is None:
        return None
    pairs = []
    for tag in listed:
        if not isinstance(tag, dict):
            raise serialization("Member 'Tags' has an unexpected type")
        pairs.append((member(tag, "Key", str) or "", member(tag, "Value", str) or ""))
    keys = [key for key, _ in pairs]
    if len(pairs) > _TAGS_MAX:
        raise invalid("INVALID_TAG", f"A snapshot can have at most {_TAGS_MAX} tags")
    if len(set(keys)) != len(keys):
        raise invalid("INVALID_TAG", "Tag keys must be unique")
    if any(key.lower().startswith("aws:") for key in keys):
        raise invalid("INVALID_TAG", "Tag keys starting with 'aws:' are reserved")
    return tuple(pairs)


def _parent(account: Account, wanted: _Parameters, region: str) -> Snapshot | None:
    """Return the parent, or None if none is asked for.

    Raises:
        ApiError: it cannot be this snapshot's parent.
    """
    parent_id = wanted.parent_id
    if parent_id is None:
        return None
    if wanted.kms_key_arn is not None:
        raise invalid_parameter("ParentSnapshotId and KmsKeyArn cannot be specified together")
    if wanted.encrypted is not None:
        raise invalid_parameter("ParentSnapshotId and Encrypt cannot be specified together")
    parent = account.snapshot_in(parent_id, region)
    now_unix_s = account.clock.unix_s()
    state = State.GONE if parent is None else parent.state(now_unix_s)[0]
    if parent is None or state in (State.GONE, State.ERROR):
        raise snapshot_not_found(parent_id)
    if parent.record.owner_id != OWNER_ID and not parent.record.is_public:
        raise snapshot_not_found(parent_id)
    if not parent.readable(now_unix_s, account.options.completed_lag_s):
        raise parent_not_complete(parent_id)
    if parent.record.is_public:
        raise public_snapshot(parent_id)
    if wanted.volume_size_gib < parent.record.volume_size_gib:
        raise invalid(
            "INVALID_VOLUME_SIZE",
            f"Volume size {wanted.volume_size_gib} is smaller than the parent snapshot's "
            f"{parent.record.volume_size_gib} GiB",
        )
    return parent


def _key_arn(
    account: Account, wanted: _Parameters, parent: Snapshot | None, region: str
) -> str | None:
    """Return the key by the service's table of encryption outcomes; None is unencrypted.

    Raises:
        ApiError: the combination is refused.
    """
    ebd = account.encrypts_by_default(region)
    if parent is not None:
        if ebd and not parent.record.encrypted:
            raise _ebd_refusal("an unencrypted parent snapshot")
        return parent.record.kms_key_arn
    if wanted.encrypted is False:
        if wanted.kms_key_arn is not None:
            raise invalid_parameter("Encrypt cannot be false when KmsKeyArn is specified")
        if ebd:
            raise _ebd_refusal("Encrypted set to false")
        return None
    if wanted.kms_key_arn is not None:
        return wanted.kms_key_arn
    return account.default_key_arn(region) if wanted.encrypted or ebd else None


def _ebd_refusal(what: str) -> ApiError:
    return invalid_parameter(f"Encryption by default is enabled, {what} is not allowed")

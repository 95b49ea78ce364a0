"""EC2's calls about snapshots: what is asked for, and its answers, checked. Pure."""

from collections.abc import Mapping
from typing import Any

from bulkput.ebs.answer_check import (
    COUNT_OF_BYTES,
    FLAG,
    ID,
    ITEMS,
    SIZE_GIB,
    TEXT,
    TIME,
    TOKEN,
    AnswerCheck,
    required,
    shown,
    unix_s,
)
from bulkput.ebs.snapshot import FoundSnapshot, SnapshotPage, SnapshotState

_NO_VOLUME = "vol-ffffffff"
"""What EC2 reports of snapshots that no volume of the account was the source of."""

_PAGE_SNAPSHOTS = 200
"""DescribeSnapshots gives up to 1000 at once. With 50 tags each, all of them as long as may be, so
many stay below what is read of an answer; an account has 100 pending ones by default."""

_DESCRIBED = {"Snapshots": ITEMS, "NextToken": TOKEN}
_SNAPSHOT = {
    "SnapshotId": required(ID),
    "State": required(TEXT),
    "VolumeSize": required(SIZE_GIB),
    "Encrypted": FLAG,
    "StartTime": TIME,
    "FullSnapshotSizeInBytes": COUNT_OF_BYTES,
}


def pending_snapshots(tag_key: str | None, page_token: str | None) -> dict[str, Any]:
    """Return the parameters that find the account's own pending snapshots, all or with a tag."""
    parameters: dict[str, Any] = {
        "OwnerIds": ["self"],
        "Filters": [
            {"Name": "status", "Values": ["pending"]},
        ],
        "MaxResults": _PAGE_SNAPSHOTS,
    }
    if tag_key is not None:
        parameters["Filters"].insert(0, {"Name": "tag-key", "Values": [tag_key]})
    if page_token is not None:
        parameters["NextToken"] = page_token
    return parameters


def described_snapshot(answer: Mapping[str, Any], snapshot_id: str) -> SnapshotState | None:
    """Return what DescribeSnapshots lists of the one snapshot asked for; None if nothing.

    Raises:
        AnswerError: it is about another one, or cannot be true.
    """
    check = AnswerCheck("DescribeSnapshots", snapshot_id)
    check.fields(answer, _DESCRIBED)
    items = answer["Snapshots"]
    for item in items:
        if item.get("SnapshotId") != snapshot_id:
            check.refuse(f"it speaks of {shown(item.get('SnapshotId'))}")
    if len(items) > 1:
        check.refuse(f"it has the snapshot {len(items)} times")
    return _snapshot_state(check, items[0]) if items else None


def pending_page(answer: Mapping[str, Any], tag_key: str | None) -> SnapshotPage:
    """Return one page of the pending snapshots, all or those that have a tag.

    Raises:
        AnswerError: a snapshot lacks the tag, is not pending, or cannot be as it is listed.
    """
    AnswerCheck("DescribeSnapshots").fields(answer, _DESCRIBED)
    found = []
    for item in answer["Snapshots"]:
        check = AnswerCheck("DescribeSnapshots", item.get("SnapshotId"))
        state = _snapshot_state(check, item)
        has_tag = tag_key is None or tag_key in state.tags
        if not has_tag or state.state != "pending":
            what = f"it is {shown(state.state)}, its tags are {shown(', '.join(state.tags))}"
            with_tag = "" if tag_key is None else f" with the tag {tag_key}"
            check.refuse(f"{what}, and pending ones{with_tag} were asked for")
        found.append(FoundSnapshot(item["SnapshotId"], state, state.tags))
    return SnapshotPage(tuple(found), answer.get("NextToken"))


def require_own_answer(answer: Mapping[str, Any], operation: str, snapshot_id: str) -> None:
    """Return if an answer without content is EC2's, and not any other server's page.

    Raises:
        AnswerError: it names no request, as every answer of EC2 does.
    """
    if not answer.get("ResponseMetadata", {}).get("RequestId"):
        what = "it names no request, as every answer of EC2 does"
        AnswerCheck(operation, snapshot_id).refuse(what)


def _snapshot_state(check: AnswerCheck, item: Mapping[str, Any]) -> SnapshotState:
    check.fields(item, _SNAPSHOT)
    volume_id = item.get("VolumeId") or None
    return SnapshotState(
        state=item["State"],
        state_message=item.get("StateMessage") or None,
        progress=item.get("Progress") or None,
        encrypted=bool(item.get("Encrypted")),
        kms_key_id=item.get("KmsKeyId") or None,
        start_unix_s=unix_s(item.get("StartTime")) or 0.0,
        volume_size_gib=item["VolumeSize"],
        description=item.get("Description") or "",
        tags={tag.get("Key", ""): tag.get("Value", "") for tag in item.get("Tags") or ()},
        volume_id=None if volume_id == _NO_VOLUME else volume_id,
        full_size_bytes=item.get("FullSnapshotSizeInBytes"),
    )

"""Copies of a snapshot in other Regions, made by EC2 (CopySnapshot): one a Region and key.

CopySnapshot knows no client token. What makes it safe to repeat is the tag that it sets itself:
a copy is looked for by its source's id before another is begun.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bulkput.model.errors import ServiceError, SnapshotError
from bulkput.model.failure import FailureClass
from bulkput.publish.account import Account, act, all_pages, given, settle, wait_until
from bulkput.publish.tags import (
    DEFAULT_KEY,
    KEY_TAG,
    SOURCE_TAG,
    inherited,
    own_tags,
    specification,
)


@dataclass(frozen=True)
class WantedCopy:
    """A copy as it is to be."""

    source_id: str
    region: str
    kms_key_arn: str | None = None
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def key_tag(self) -> str:
        """What is remembered of the key that was asked for."""
        return self.kms_key_arn or DEFAULT_KEY

    def parameters(self, source: Mapping[str, Any], source_region: str) -> dict[str, Any]:
        """Return what CopySnapshot takes in the copy's Region.

        An encrypted source's copy is encrypted whatever is said; a key encrypts any copy.

        Args:
            source: The snapshot, as EC2 describes it.
            source_region: Where it is.
        """
        marks = {SOURCE_TAG: self.source_id, KEY_TAG: self.key_tag}
        tags = {**inherited(own_tags(source)), **dict(self.tags), **marks}
        parameters: dict[str, Any] = {
            "SourceRegion": source_region,
            "SourceSnapshotId": self.source_id,
            "Description": f"{self.source_id} of {source_region}, copied by bulkput",
            "TagSpecifications": specification("snapshot", tags),
        }
        if self.kms_key_arn is not None:
            parameters |= {"Encrypted": True, "KmsKeyId": self.kms_key_arn}
        return parameters


def find_copy(wanted: WantedCopy, found: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the copy among ``found`` that is the wanted one; of several the oldest good one."""
    fitting = [each for each in found if own_tags(each).get(KEY_TAG) == wanted.key_tag]
    order = {"completed": 0, "pending": 1}
    fitting.sort(
        key=lambda each: (
            order.get(each.get("State", ""), 2),
            str(each.get("StartTime")),
            each.get("SnapshotId", ""),
        )
    )
    return fitting[0] if fitting else None


async def describe_source(account: Account, snapshot_id: str) -> Mapping[str, Any]:
    """Return what EC2 reports of a snapshot of the account's own Region.

    Raises:
        SnapshotError: it is unknown or not completed.
        BulkputError: there is no answer.
    """
    asked = {"SnapshotIds": [snapshot_id]}
    answer: Mapping[str, Any] = {}
    try:
        answer = await account.repeat(
            lambda: account.call("DescribeSnapshots", asked, region=account.region)
        )
    except ServiceError as error:
        if error.failure is not FailureClass.GONE:
            raise
    found = [each for each in answer.get("Snapshots") or () if each.get("SnapshotId")]
    if [each["SnapshotId"] for each in found] != [snapshot_id]:
        raise SnapshotError(snapshot_id, f"EC2 does not know it in {account.region}")
    if found[0].get("State") != "completed":
        what = f"is {found[0].get('State')}: only of completed ones anything can be made"
        raise SnapshotError(snapshot_id, what)
    snapshot: Mapping[str, Any] = found[0]
    return snapshot


async def ensure_copy(account: Account, source: Mapping[str, Any], wanted: WantedCopy) -> str:
    """Find the copy or begin it, and return its id; it need not be completed yet.

    Raises:
        BulkputError: EC2 refuses.
    """
    return await account.repeat(partial(_copy, account, source, wanted))


async def _copy(account: Account, source: Mapping[str, Any], wanted: WantedCopy) -> str:
    there = find_copy(wanted, await _copies(account, wanted))
    if there is None and await settle(account):
        there = find_copy(wanted, await _copies(account, wanted))
    if there is not None and there.get("State") != "error":
        return given("DescribeSnapshots", there, "SnapshotId")
    if there is not None:
        failed = {"SnapshotId": there["SnapshotId"]}
        await account.call("DeleteSnapshot", failed, region=wanted.region)
        account.note(f"the copy {there['SnapshotId']} in {wanted.region} had failed: deleted")
    parameters = wanted.parameters(source, account.region)
    answer = await act(account, "CopySnapshot", parameters, region=wanted.region)
    return given("CopySnapshot", answer, "SnapshotId")


async def wait_for_copy(account: Account, wanted: WantedCopy, copy_id: str) -> None:
    """Return when the copy is completed.

    Raises:
        SnapshotError: it failed.
        TemporaryError: it takes longer than the account's limit.
        BulkputError: there is no answer.
    """

    async def look() -> bool | None:
        for each in await _copies(account, wanted):
            if each.get("SnapshotId") == copy_id:
                return _is_ready(each, copy_id, wanted.region)
        return None

    await wait_until(account, look, what=f"{copy_id} in {wanted.region}", state="completed")


def _is_ready(copy: Mapping[str, Any], copy_id: str, region: str) -> bool | None:
    if copy.get("State") == "error":
        why = copy.get("StateMessage") or "EC2 gives no reason"
        what = f"the copy in {region} failed: {why}. Running again makes another"
        raise SnapshotError(copy_id, what)
    return True if copy.get("State") == "completed" else None


async def _copies(account: Account, wanted: WantedCopy) -> list[dict[str, Any]]:
    asked = {
        "OwnerIds": ["self"],
        "Filters": [{"Name": f"tag:{SOURCE_TAG}", "Values": [wanted.source_id]}],
    }
    return await all_pages(account, "DescribeSnapshots", asked, "Snapshots", region=wanted.region)

"""Who else may use a snapshot: what is missing is added, and nobody is taken away."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from bulkput.config.publishing import ShareSettings
from bulkput.publish.account import Account

_EVERYBODY = "all"

Permission = dict[str, str]


def wanted_permissions(share: ShareSettings) -> list[Permission]:
    """Return the permissions that are asked for, as EC2 writes them."""
    everybody = [{"Group": _EVERYBODY}] if share.public else []
    return [{"UserId": account} for account in share.accounts] + everybody


def missing(wanted: Iterable[Permission], found: Iterable[Mapping[str, Any]]) -> list[Permission]:
    """Return the wanted permissions that are not there."""
    there = [dict(each) for each in found]
    return [each for each in wanted if each not in there]


async def ensure_shared(account: Account, snapshot_id: str, share: ShareSettings) -> None:
    """Let everybody who is named make volumes of the snapshot.

    Raises:
        BulkputError: EC2 refuses.
    """
    await account.repeat(partial(_share, account, snapshot_id, share))


async def _share(account: Account, snapshot_id: str, share: ShareSettings) -> None:
    asked = {"SnapshotId": snapshot_id, "Attribute": "createVolumePermission"}
    answer = await account.call("DescribeSnapshotAttribute", asked, region=account.region)
    lacking = missing(wanted_permissions(share), answer.get("CreateVolumePermissions") or ())
    if lacking:
        # The two lists, which every server knows; of one that is empty nothing is sent.
        added: dict[str, Any] = {**asked, "OperationType": "add"}
        for name, key in (("UserIds", "UserId"), ("GroupNames", "Group")):
            values = [each[key] for each in lacking if key in each]
            added |= {name: values} if values else {}
        await account.call("ModifySnapshotAttribute", added, region=account.region)

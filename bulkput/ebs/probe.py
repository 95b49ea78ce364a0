"""Calls that change nothing, made to learn what an account may do and what it has.

Nothing can be created or deleted by them: they name a snapshot that cannot exist, contradict
themselves, or are EC2's dry runs. One attempt each. What a refusal means is for the caller.
"""

import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from bulkput.ebs.error_response import server_time
from bulkput.ebs.service import Service
from bulkput.ebs.snapshot import StartRequest
from bulkput.model.block import BLOCK_SIZE_BYTES, ZERO_BLOCK_DIGEST
from bulkput.model.errors import AnswerError, ServiceError

NO_SNAPSHOT = "snap-00000000000000000"
"""Well formed, and never given by EC2."""

_EMPTY_LINEAR = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
"""The LINEAR checksum of no block: SHA-256 of nothing, in base64."""

_NO_VOLUME = "vol-ffffffff"
"""What EC2 shows as the volume of a snapshot of the EBS direct APIs."""

_CALL_LIMIT_S = 10.0
"""Answers take up to a few seconds, and somebody waits."""

_PAGE_SNAPSHOTS = 1000
_PAGES_MAX = 10
"""An account may have some hundred pending snapshots at most."""


class CallerIdentity(NamedTuple):
    """Who the credentials are."""

    account_id: str
    arn: str


class Probe:
    """One call a method."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.clock_offset_s: float | None = None
        """What the service's clock is ahead of ours, to a second; None before an answer."""

    async def identity(self) -> CallerIdentity:
        """Ask STS, which takes no permission.

        Raises:
            BulkputError: refused or unanswered.
        """
        answer = await self._call("sts", "GetCallerIdentity", {})
        found = answer.get("Result", {})
        return CallerIdentity(str(found.get("Account", "")), str(found.get("Arn", "")))

    async def pending_snapshots(self) -> int:
        """Return how many pending snapshots of the direct APIs the account has.

        Raises:
            BulkputError: refused or unanswered.
        """
        parameters: dict[str, Any] = {
            "OwnerIds": ["self"],
            "Filters": [
                {"Name": "status", "Values": ["pending"]},
                {"Name": "volume-id", "Values": [_NO_VOLUME]},
            ],
            "MaxResults": _PAGE_SNAPSHOTS,
        }
        count = 0
        for _ in range(_PAGES_MAX):
            answer = await self._call("ec2", "DescribeSnapshots", parameters)
            count += len(answer.get("Snapshots") or ())
            if not answer.get("NextToken"):
                break
            parameters["NextToken"] = answer["NextToken"]
        return count

    async def encrypts_by_default(self) -> bool:
        """Return whether new volumes and snapshots of the account are encrypted.

        Raises:
            BulkputError: refused or unanswered.
        """
        answer = await self._call("ec2", "GetEbsEncryptionByDefault", {})
        return bool(answer.get("EbsEncryptionByDefault"))

    async def start(self) -> None:
        """Send a StartSnapshot that contradicts itself, of a parent that cannot exist."""
        request = StartRequest(
            volume_size_gib=1,
            client_token=f"bulkput-check-{secrets.token_hex(8)}",
            parent_snapshot_id=NO_SNAPSHOT,
            encrypted=True,
        )
        control = self._service.control
        found = None
        try:
            found = (await control.start_snapshot(request)).snapshot_id
        except AnswerError as error:
            found = error.snapshot_id
            raise
        finally:
            if found is not None:  # of a look-alike that validates nothing
                await control.delete_snapshot(found)

    async def put(self) -> None:
        """Put a block of zeros into a snapshot that cannot exist."""
        body = memoryview(bytes(BLOCK_SIZE_BYTES))
        await self._service.data.put_block(NO_SNAPSHOT, 0, body, ZERO_BLOCK_DIGEST)

    async def complete(self) -> None:
        """Complete a snapshot that cannot exist."""
        await self._service.control.complete_snapshot(NO_SNAPSHOT, 0, _EMPTY_LINEAR)

    async def list_blocks(self) -> None:
        """List the blocks of a snapshot that cannot exist."""
        await self._service.control.list_blocks_page(NO_SNAPSHOT)

    async def list_changed_blocks(self) -> None:
        """List what a snapshot that cannot exist holds."""
        await self._service.control.list_changed_blocks_page(None, NO_SNAPSHOT)

    async def get(self) -> None:
        """Get a block of a snapshot that cannot exist."""
        await self._service.data.get_block(NO_SNAPSHOT, 0, "AAAA")

    async def delete(self) -> None:
        """Make a dry run of DeleteSnapshot on a snapshot that cannot exist."""
        await self._call("ec2", "DeleteSnapshot", {"SnapshotId": NO_SNAPSHOT, "DryRun": True})

    async def tag(self) -> None:
        """Make a dry run of CreateTags on a snapshot that cannot exist."""
        tags = [{"Key": "bulkput", "Value": "check"}]
        parameters = {"Resources": [NO_SNAPSHOT], "Tags": tags, "DryRun": True}
        await self._call("ec2", "CreateTags", parameters)

    async def _call(
        self, service: str, operation: str, parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        client = self._service.open_client(service)
        client.set_clock_offset(self._service.clock_offset_s)
        try:
            answer = await client.call(operation, parameters, limit_s=_CALL_LIMIT_S)
        except ServiceError as error:
            self._compare_clocks(error.server_unix_s)
            raise
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        self._compare_clocks(server_time(headers.get("Date")))
        return answer

    def _compare_clocks(self, server_unix_s: float | None) -> None:
        if server_unix_s is not None:
            self.clock_offset_s = server_unix_s - self._service.clock.unix_s()

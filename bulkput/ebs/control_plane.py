"""The few calls around the blocks: StartSnapshot, CompleteSnapshot, lists, and EC2's.

Each call has one deadline in all. Repeats nothing: whoever calls decides what a failure means.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bulkput.ebs.api_client import ApiClient
from bulkput.ebs.ebs_answers import (
    block_page,
    changed_block_page,
    is_started,
    page_parameters,
    sealed_status,
    started_snapshot,
)
from bulkput.ebs.ec2_form import (
    described_snapshot,
    pending_page,
    pending_snapshots,
    require_own_answer,
)
from bulkput.ebs.learned import Learned
from bulkput.ebs.snapshot import (
    BlockPage,
    ChangedBlockPage,
    SnapshotPage,
    SnapshotState,
    StartedSnapshot,
    StartRequest,
)
from bulkput.model.errors import ConfigError, Problem, ServiceError
from bulkput.model.failure import FailureClass

_IDS = ("SnapshotId", "ParentSnapshotId", "SecondSnapshotId", "FirstSnapshotId")
"""Parameters that name a snapshot, the one that a call is about first."""

OpenClient = Callable[[str], ApiClient]
"""Makes a client of ``ebs`` or ``ec2``."""


class ControlPlane:
    """Clients of the EBS direct APIs and of EC2."""

    def __init__(self, open_client: OpenClient, *, learned: Learned | None = None) -> None:
        """Make the clients; nobody is asked yet.

        Args:
            open_client: Makes them.
            learned: Shared with the data plane.

        Raises:
            ConfigError: an endpoint cannot be used.
        """
        self._learned = learned or Learned(hosts=None)
        self.ebs = open_client("ebs")
        self.ec2 = open_client("ec2")

    @property
    def endpoint_url(self) -> str:
        """Where the EBS direct APIs are."""
        return self.ebs.endpoint_url

    def set_clock_offset(self, offset_s: float) -> None:
        """Sign from now on with a clock that is ``offset_s`` ahead of ours."""
        for client in (self.ebs, self.ec2):
            client.set_clock_offset(offset_s)

    async def start_snapshot(self, request: StartRequest) -> StartedSnapshot:
        """Start a snapshot, or find the one that the same token started.

        Raises:
            ConfigError: what answers is not the EBS direct API.
            AnswerError: the answer cannot be true.
            ServiceError: refused or unanswered.
            CredentialsError: there are none.
        """
        parameters = request.parameters()
        answer = await self._call(self.ebs, "StartSnapshot", parameters, tagged=bool(request.tags))
        if not is_started(answer):
            # Any 2xx is an answer, a web server's welcome page too.
            expected = (
                f"expected the EBS direct API at {self.endpoint_url}: StartSnapshot was answered "
                "without a SnapshotId"
            )
            raise ConfigError((Problem("endpoint", expected),))
        started = started_snapshot(answer, request)
        self._learned.note_key(started.snapshot_id, started.kms_key_arn)
        return started

    async def complete_snapshot(
        self, snapshot_id: str, changed_blocks_count: int, linear_checksum_b64: str
    ) -> str:
        """Seal a snapshot and return its status; repeating it is harmless.

        Nothing is validated at once: only EC2's state shows whether count and checksum hold.

        Raises:
            AnswerError: the answer cannot be true.
            ServiceError: refused or unanswered.
            CredentialsError: there are none.
        """
        answer = await self._call(
            self.ebs,
            "CompleteSnapshot",
            {
                "SnapshotId": snapshot_id,
                "ChangedBlocksCount": changed_blocks_count,
                "Checksum": linear_checksum_b64,
                "ChecksumAlgorithm": "SHA256",
                "ChecksumAggregationMethod": "LINEAR",
            },
        )
        return sealed_status(answer, snapshot_id)

    async def list_blocks_page(
        self,
        snapshot_id: str,
        page_token: str | None = None,
        starting_block_index: int | None = None,
        max_results: int | None = None,
    ) -> BlockPage:
        """Return one page of the blocks that a completed snapshot has.

        Raises:
            AnswerError: the answer cannot be true.
            ServiceError: refused or unanswered.
            CredentialsError: there are none.
        """
        parameters = page_parameters(page_token, starting_block_index, max_results)
        answer = await self._call(
            self.ebs, "ListSnapshotBlocks", {"SnapshotId": snapshot_id, **parameters}
        )
        return block_page(answer, snapshot_id, starting_block_index)

    async def list_changed_blocks_page(
        self,
        first_snapshot_id: str | None,
        second_snapshot_id: str,
        page_token: str | None = None,
        starting_block_index: int | None = None,
        max_results: int | None = None,
    ) -> ChangedBlockPage:
        """Return one page of the blocks that differ between two snapshots of one lineage.

        Raises:
            AnswerError: the answer cannot be true.
            ServiceError: refused or unanswered.
            CredentialsError: there are none.
        """
        parameters = page_parameters(page_token, starting_block_index, max_results)
        parameters["SecondSnapshotId"] = second_snapshot_id
        if first_snapshot_id is not None:
            parameters["FirstSnapshotId"] = first_snapshot_id
        answer = await self._call(self.ebs, "ListChangedBlocks", parameters)
        return changed_block_page(answer, second_snapshot_id, starting_block_index)

    async def describe_snapshot(self, snapshot_id: str) -> SnapshotState | None:
        """Return what EC2 reports of a snapshot; None if it does not know it.

        Raises:
            AnswerError: the answer cannot be true.
            ServiceError: refused or unanswered.
            CredentialsError: there are none.
        """
        try:
            answer = await self._call(
                self.ec2, "DescribeSnapshots", {"SnapshotIds": [snapshot_id]}, snapshot_id
            )
        except ServiceError as error:
            if error.failure is FailureClass.GONE:
                return None
            raise
        state = described_snapshot(answer, snapshot_id)
        if state is not None:
            self._learned.note_key(snapshot_id, state.kms_key_id)
        return state

    async def pending_snapshots_page(
        self, tag_key: str | None, page_token: str | None = None
    ) -> SnapshotPage:
        """Return one page of the account's own pending snapshots, all or those with the tag.

        Raises:
            AnswerError: the answer cannot be true.
            ServiceError: refused or unanswered.
            CredentialsError: there are none.
        """
        wanted = pending_snapshots(tag_key, page_token)
        return pending_page(await self._call(self.ec2, "DescribeSnapshots", wanted), tag_key)

    async def delete_snapshot(self, snapshot_id: str) -> None:
        """Delete a snapshot, pending and failed ones too; one that is gone is no error.

        Raises:
            AnswerError: the answer cannot be true.
            ServiceError: refused or unanswered.
            CredentialsError: there are none.
        """
        try:
            answer = await self._call(
                self.ec2, "DeleteSnapshot", {"SnapshotId": snapshot_id}, snapshot_id
            )
        except ServiceError as error:
            if error.failure is not FailureClass.GONE:
                raise
        else:
            require_own_answer(answer, "DeleteSnapshot", snapshot_id)

    async def set_tag(self, snapshot_id: str, key: str, value: str) -> None:
        """Give a snapshot a tag, or the one that it has another value.

        Raises:
            ServiceError: refused or unanswered.
            CredentialsError: there are none.
        """
        tags = [{"Key": key, "Value": value}]
        await self._call(
            self.ec2, "CreateTags", {"Resources": [snapshot_id], "Tags": tags}, snapshot_id
        )

    async def _call(
        self,
        client: ApiClient,
        operation: str,
        parameters: Mapping[str, Any],
        snapshot_id: str | None = None,
        *,
        tagged: bool = False,
    ) -> dict[str, Any]:
        """Make one attempt within the deadline."""
        named = [parameters.get(name) for name in _IDS]
        return await client.call(
            operation,
            parameters,
            snapshot_id=snapshot_id or parameters.get("SnapshotId"),
            kms_key=self._learned.key_of(snapshot_id, *named) or parameters.get("KmsKeyArn"),
            tagged=tagged,
        )

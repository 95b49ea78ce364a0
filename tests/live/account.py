"""An account that questions are asked of: what is started is tagged, counted and deleted again.

Every answer is kept as it came, without what was sent: no key is in the record.
"""

import base64
import contextlib
import hashlib
import json
import re
import time
from dataclasses import dataclass, field

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BLOCK = 524_288
BUDGET_USD = 0.20
USD_PER_CALL = {
    "PutSnapshotBlock": 0.006 / 1000,
    "GetSnapshotBlock": 0.003 / 1000,
    "ListSnapshotBlocks": 0.0006 / 1000,
    "ListChangedBlocks": 0.0006 / 1000,
}
"""Prices of AWS's page; storage for some minutes is below a cent."""
TAG = "bulkput-live"
_BODY_KEPT_BYTES = 4096
_DELETE_ROUNDS = 6
_ROUND_S = 5.0
"""A snapshot that was started a moment ago may not be listed yet."""


class BudgetError(Exception):
    """The next call would cost more than was said before."""


@dataclass(frozen=True)
class Limits:
    """How patient and how generous the questions are."""

    settle_s: float = 300.0
    """For a snapshot to leave ``pending``; a count that is too low takes up to three minutes."""
    poll_s: float = 2.0
    idle_s: float = 420.0
    """For a connection to be closed by the service."""
    stall_s: float = 90.0
    """For a body that does not come."""
    burst_puts: int = 4000
    """0.024 USD."""


@dataclass
class Account:
    """Clients of one account in one Region."""

    region: str
    run_id: str
    limits: Limits
    endpoint_url: str | None = None
    keys: tuple[str, str] | None = None
    """Access key and secret; None takes boto3's own chain."""
    answers: list = field(default_factory=list)
    spent_usd: float = 0.0
    started: list = field(default_factory=list)
    has_volumes: bool = False
    """Volumes were asked for, so those of the tag are looked for at the end."""

    def __post_init__(self):
        access, secret = self.keys or (None, None)
        self.session = boto3.Session(access, secret, region_name=self.region)
        self.ebs = self._client("ebs")
        self.ec2 = self._client("ec2")
        self.url = self.ebs.meta.endpoint_url

    def _client(self, service):
        config = Config(
            retries={"total_max_attempts": 1}, max_pool_connections=64, parameter_validation=False
        )
        client = self.session.client(service, endpoint_url=self.endpoint_url, config=config)
        client.meta.events.register("before-call", self._count)
        client.meta.events.register("response-received", self._keep)
        return client

    def close(self):
        self.ebs.close()
        self.ec2.close()

    def _count(self, model, **_):
        self.spend(model.name)

    def spend(self, operation):
        """Count a call before it is made."""
        self.spent_usd += USD_PER_CALL.get(operation, 0.0)
        if self.spent_usd > BUDGET_USD:
            raise BudgetError(f"{operation}: more than {BUDGET_USD} USD")

    def _keep(self, response_dict, context, **_):
        if response_dict is not None:
            body = response_dict["body"]
            self.keep(response_dict["status_code"], response_dict["headers"], body)

    def keep(self, status, headers, body):
        """Keep an answer as it came; block data is none of it."""
        text = body[:_BODY_KEPT_BYTES].decode("utf-8", "replace") if isinstance(body, bytes) else ""
        self.answers.append({"status": status, "headers": dict(headers), "body": text})

    def start(self, size_gib=1, **more):
        """Start a snapshot that carries the tag of this run."""
        tags = [{"Key": TAG, "Value": self.run_id}]
        answer = self.ebs.start_snapshot(VolumeSize=size_gib, Tags=tags, **more)
        self.started.append(answer["SnapshotId"])
        return answer

    def put(self, snapshot_id, index, data, ebs=None):
        return (ebs or self.ebs).put_snapshot_block(
            SnapshotId=snapshot_id,
            BlockIndex=index,
            BlockData=data,
            DataLength=len(data),
            Checksum=b64_sha256(data),
            ChecksumAlgorithm="SHA256",
        )

    def complete(self, snapshot_id, count, **more):
        return self.ebs.complete_snapshot(SnapshotId=snapshot_id, ChangedBlocksCount=count, **more)

    def state(self, snapshot_id):
        (found,) = self.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
        return found

    def settled(self, snapshot_id):
        """Return EC2's answer once the snapshot is not pending any more, or the last one."""
        end_s = time.monotonic() + self.limits.settle_s
        while (found := self.state(snapshot_id))["State"] == "pending":
            if time.monotonic() > end_s:
                break
            time.sleep(self.limits.poll_s)
        return found

    def snapshot(self, blocks, size_gib=1, **more):
        """Return the id of a completed snapshot that both sides know."""
        snapshot_id = self.start(size_gib, **more)["SnapshotId"]
        for index, data in blocks.items():
            self.until(lambda index=index, data=data: self.put(snapshot_id, index, data))
        self.complete(snapshot_id, len(blocks))
        self.settled(snapshot_id)
        self.until(lambda: self.ebs.list_snapshot_blocks(SnapshotId=snapshot_id))
        return snapshot_id

    def until(self, call):
        """Repeat a call while the service does not know the snapshot yet."""
        end_s = time.monotonic() + self.limits.settle_s
        while True:
            try:
                return call()
            except ClientError as error:
                if error.response.get("Reason") != "SNAPSHOT_NOT_FOUND":
                    raise
                if time.monotonic() > end_s:
                    raise
            time.sleep(self.limits.poll_s)

    def delete_all(self):
        """Delete what carries this run's tag, and what it started; return what is left."""
        left = ["unknown"]
        for _ in range(_DELETE_ROUNDS):
            with contextlib.suppress(ClientError, BotoCoreError):  # asked again in the next round
                left = sorted(self._left())
                if not left:
                    return []
            for each in left:
                with contextlib.suppress(ClientError, BotoCoreError):
                    self._delete(each)
            time.sleep(min(self.limits.poll_s, _ROUND_S))
        return left

    def _left(self):
        """Return the ids of this run's snapshots and volumes that are still there."""
        of_run = [{"Name": f"tag:{TAG}", "Values": [self.run_id]}]
        listed = self.ec2.describe_snapshots(OwnerIds=["self"], Filters=of_run)["Snapshots"]
        left = {each["SnapshotId"] for each in listed} | set(self.started)
        if self.has_volumes:
            found = self.ec2.describe_volumes(Filters=of_run)["Volumes"]
            left |= {each["VolumeId"] for each in found if each["State"] != "deleting"}
        return left

    def _delete(self, wanted):
        if wanted.startswith("vol-"):
            self.ec2.delete_volume(VolumeId=wanted)
            return
        try:
            self.ec2.delete_snapshot(SnapshotId=wanted)
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidSnapshot.NotFound":
                raise
        if wanted in self.started:
            self.started.remove(wanted)

    def record(self):
        """Return the answers as JSON, this account's number replaced."""
        text = json.dumps(self.answers, default=str)
        owners = set(re.findall(r'OwnerId[\\": >]+([0-9]{12})', text, re.IGNORECASE))
        for owner in owners:
            text = text.replace(owner, "0" * 12)
        return json.loads(text)


def b64_sha256(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def refusal(call):
    """Return status, code, Reason and message of a call that is refused; None if it is not."""
    try:
        call()
    except ClientError as error:
        answer = error.response
        return {
            "status": answer["ResponseMetadata"]["HTTPStatusCode"],
            "code": answer["Error"]["Code"],
            "reason": answer.get("Reason"),
            "message": re.sub(r"snap-[0-9a-f]+", "SNAPSHOT", answer["Error"].get("Message", "")),
        }
    return None

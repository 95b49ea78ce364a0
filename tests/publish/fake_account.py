"""EC2 and Parameter Store in memory, for simulation: what was made outlives every run.

``Cloud`` is the far side. ``FakeAccount`` is how one run reaches it: it can be killed at any call,
before the call is heard or after it was carried out and before it is answered.
"""

import itertools
import random

from botocore import xform_name
from publish.fake_images import Images, tags_of
from virtual_time import VirtualLoop

from bulkput.model.clock import LoopClock
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.pipeline.retry import Retrier

HOME = "eu-central-1"
KEY = "arn:aws:kms:{}:111122223333:key/11111111-2222-3333-4444-555555555555"
DEFAULT_KEY = "alias/aws/ebs"
OWNER = "111122223333"


class Killed(BaseException):
    """What kill -9 is to a simulated run."""


def gone(operation, code):
    return ServiceError(operation, FailureClass.GONE, "does not exist", code=code)


class Region:
    def __init__(self):
        self.snapshots, self.volumes, self.images, self.parameters = {}, {}, {}, {}
        self.encrypts, self.default_key = False, DEFAULT_KEY
        self.blocks_public_snapshots = self.blocks_public_images = "unblocked"
        self.instances, self.templates = [], {}
        self.instance_state = "running"
        self.refuses_images = False


class Cloud:
    """All Regions of one account."""

    def __init__(self, polls_until_ready=2, lag_s=0.0):
        self.regions = {}
        self.polls = polls_until_ready
        self.lag_s = lag_s
        """How long a new copy is in no list, and in none of the next run's after its start."""
        self.log = []
        """Every call that was carried out: operation, Region."""
        self.restores = {}
        """State of a fast restore to that of the next look."""
        self._numbers = itertools.count(1)

    def region(self, name):
        return self.regions.setdefault(name, Region())

    def new_id(self, kind):
        return f"{kind}-{next(self._numbers):017x}"

    def snapshot(self, region=HOME, *, encrypted=False, key=None, tags=(), gib=8):
        """Make a completed snapshot and return its id."""
        found = self.new_id("snap")
        self.region(region).snapshots[found] = {
            "SnapshotId": found,
            "State": "completed",
            "Encrypted": encrypted,
            "KmsKeyId": key,
            "VolumeSize": gib,
            "StartTime": next(self._numbers),
            "Tags": [{"Key": name, "Value": value} for name, value in dict(tags).items()],
            "permissions": [],
            "restores": {},
            "lock": None,
        }
        return found


class FakeAccount(Images):
    """One run's way to the cloud."""

    region = HOME
    wait_limit_s = 3600.0

    def __init__(self, cloud, *, kill_at=None, heard=True, lose=(), settled_s=0.0):
        """Args:
        kill_at: The number of the call at which the process dies.
        heard: Whether that call is carried out before.
        lose: Numbers of calls that are carried out, and whose answers are lost.
        """
        self.cloud, self.kill_at, self.heard, self.lose = cloud, kill_at, heard, set(lose)
        self.settled_s = settled_s
        self.calls = 0
        self.notes, self.answers = [], {}
        self.clock = LoopClock(1_790_000_000.0)
        self._retrier = Retrier(self.clock, random.Random(1), self, deadline_s=900.0)

    async def recover(self, error):
        pass

    def note(self, text):
        self.notes.append(text)

    async def repeat(self, attempt):
        return await self._retrier.run(attempt, lambda error, delay_s: None)

    async def call(self, operation, parameters, *, region, service="ec2"):
        self.calls += 1
        if self.calls == self.kill_at and not self.heard:
            raise Killed
        try:
            answer = getattr(self, f"_{xform_name(operation)}")(
                self.cloud.region(region), parameters, region
            )
            self.cloud.log.append((operation, region))
        finally:
            if self.calls == self.kill_at:
                raise Killed
        if self.calls in self.lose:
            raise ServiceError(operation, FailureClass.TRANSIENT, "no answer")
        return answer

    # -- snapshots

    def _describe_snapshots(self, here, asked, _):
        found = list(here.snapshots.values())
        if "SnapshotIds" in asked:
            found = [
                here.snapshots[each] for each in asked["SnapshotIds"] if each in here.snapshots
            ]
            if not found:
                raise gone("DescribeSnapshots", "InvalidSnapshot.NotFound")
        for each in found:
            self._ripen(each, "completed")
        shown = [each for each in found if matches(each, asked) and self._is_listed(each)]
        return {"Snapshots": shown}

    def _is_listed(self, snapshot):
        made_by, made_s = snapshot.get("made", (None, -self.cloud.lag_s))
        if made_by is not self and made_by is not None:
            made_s = 0.0
        return self.clock.monotonic_s() >= made_s + self.cloud.lag_s

    def _copy_snapshot(self, here, asked, region):
        source = self.cloud.region(asked["SourceRegion"]).snapshots[asked["SourceSnapshotId"]]
        key = asked.get("KmsKeyId")
        encrypted = bool(source["Encrypted"] or key or here.encrypts)
        if source.get("fails"):
            raise ServiceError("CopySnapshot", FailureClass.INVALID, "refused")
        made = self.cloud.snapshot(region, encrypted=encrypted, gib=source["VolumeSize"])
        here.snapshots[made] |= {
            "KmsKeyId": key or (here.default_key if encrypted else None),
            "Tags": tags_of(asked),
            "State": "pending",
            "polls": self.cloud.polls,
            "made": (self, self.clock.monotonic_s()),
        }
        return {"SnapshotId": made}

    def _delete_snapshot(self, here, asked, _):
        used = {
            mapping["Ebs"]["SnapshotId"]
            for image in here.images.values()
            for mapping in image["BlockDeviceMappings"]
        }
        if asked["SnapshotId"] in used:
            raise ServiceError(
                "DeleteSnapshot",
                FailureClass.INVALID,
                "in use by an AMI",
                code="InvalidSnapshot.InUse",
            )
        if here.snapshots.pop(asked["SnapshotId"], None) is None:
            raise gone("DeleteSnapshot", "InvalidSnapshot.NotFound")
        return {}

    def _describe_snapshot_attribute(self, here, asked, _):
        return {"CreateVolumePermissions": list(here.snapshots[asked["SnapshotId"]]["permissions"])}

    def _modify_snapshot_attribute(self, here, asked, _):
        snapshot = here.snapshots[asked["SnapshotId"]]
        if snapshot["KmsKeyId"] == DEFAULT_KEY:
            raise ServiceError("ModifySnapshotAttribute", FailureClass.INVALID, "default key")
        added = [{"UserId": each} for each in asked.get("UserIds", ())]
        snapshot["permissions"] += added + [{"Group": each} for each in asked.get("GroupNames", ())]
        return {}

    def _describe_locked_snapshots(self, here, asked, _):
        found = [here.snapshots[each] for each in asked["SnapshotIds"]]
        return {
            "Snapshots": [
                {"SnapshotId": each["SnapshotId"], **each["lock"]} for each in found if each["lock"]
            ]
        }

    def _lock_snapshot(self, here, asked, _):
        here.snapshots[asked["SnapshotId"]]["lock"] = {
            "LockState": asked["LockMode"],
            "LockDuration": asked.get("LockDuration"),
            "LockExpiresOn": asked.get("ExpirationDate"),
        }
        return {}

    def _describe_fast_snapshot_restores(self, here, asked, _):
        found = here.snapshots[asked["Filters"][0]["Values"][0]]["restores"]
        found |= {zone: self.cloud.restores.get(state, state) for zone, state in found.items()}
        listed = [{"AvailabilityZone": zone, "State": state} for zone, state in found.items()]
        return {"FastSnapshotRestores": listed}

    def _enable_fast_snapshot_restores(self, here, asked, _):
        for each in asked["SourceSnapshotIds"]:
            for zone in asked["AvailabilityZones"]:
                assert zone not in here.snapshots[each]["restores"], "enabled twice"
                here.snapshots[each]["restores"][zone] = "enabling"
        zones = [{"AvailabilityZone": each} for each in asked["AvailabilityZones"]]
        return {"Successful": [{**each, "State": "enabling"} for each in zones]}

    # -- volumes

    def _describe_volumes(self, here, asked, _):
        for each in here.volumes.values():
            self._ripen(each, "available")
        return {"Volumes": [each for each in here.volumes.values() if matches(each, asked)]}

    def _create_volume(self, here, asked, _):
        for each in here.volumes.values():
            if each["token"] == asked["ClientToken"]:
                return {"VolumeId": each["VolumeId"]}
        made = self.cloud.new_id("vol")
        here.volumes[made] = {
            "VolumeId": made,
            "State": "creating",
            "polls": self.cloud.polls,
            "token": asked["ClientToken"],
            "Tags": tags_of(asked),
            **{name: asked.get(name) for name in ("SnapshotId", "AvailabilityZone", "VolumeType")},
        }
        return {"VolumeId": made}

    # -- what the account says of itself

    def _get_ebs_encryption_by_default(self, here, asked, _):
        return {"EbsEncryptionByDefault": here.encrypts}

    def _get_ebs_default_kms_key_id(self, here, asked, _):
        return {"KmsKeyId": here.default_key}

    def _describe_key(self, here, asked, _):
        manager = "AWS" if asked["KeyId"] == DEFAULT_KEY else "CUSTOMER"
        return {"KeyMetadata": {"KeyManager": manager}}

    def _get_snapshot_block_public_access_state(self, here, asked, _):
        return {"State": here.blocks_public_snapshots}

    def _get_image_block_public_access_state(self, here, asked, _):
        return {"ImageBlockPublicAccessState": here.blocks_public_images}

    def _fits(self, thing, asked):
        return matches(thing, asked)

    def _ripen(self, thing, state):
        """Let one more look pass until a thing is ready."""
        if thing.get("polls", 0) > 0:
            thing["polls"] -= 1
        elif thing["State"] in {"pending", "creating"}:
            thing["State"] = state


def matches(thing, asked):
    """Return whether a thing fits the filters by tag, name and state of a Describe call."""
    tags = {tag["Key"]: tag["Value"] for tag in thing["Tags"]}
    fields = {
        "name": thing.get("Name"),
        "state": thing.get("State"),
        "snapshot-id": thing.get("SnapshotId"),
    }
    for each in asked.get("Filters", ()):
        name = each["Name"]
        if name == "tag-key":
            value = next((key for key in each["Values"] if key in tags), None)
        else:
            value = tags.get(name[4:]) if name.startswith("tag:") else fields[name]
        if value not in each["Values"]:
            return False
    return True


def run(work):
    """Run ``work``, called in a loop whose time jumps, to its end."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(_called(work))
    finally:
        loop.close()


async def _called(work):
    return await work()

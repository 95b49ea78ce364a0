"""An image in one Region: found by its name and disks, registered, waited for.

EC2 keeps names of images unique in an account and Region, which is what makes RegisterImage safe to
repeat. For the same reason an image that is replaced goes right before the new one comes: nothing
else is left to be done in that Region then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from itertools import count
from typing import Any, NamedTuple

from bulkput.config.images import ImageDiskSettings, ImageSettings
from bulkput.model.errors import ConfigError, Problem, ServiceError, SnapshotError
from bulkput.model.failure import FailureClass
from bulkput.publish.account import Account, act, all_pages, given, wait_until
from bulkput.publish.boot import Boot
from bulkput.publish.described import snapshots_by_device
from bulkput.publish.tags import FAMILY_TAG, SOURCE_TAG, specification

_ROOT = "/dev/xvda"
_FIRST_OF_OTHERS = ord("f")
"""/dev/sdf and on are what EC2's guide names for EBS volumes beside the root."""

_FAILED = frozenset({"failed", "error", "invalid", "deregistered"})
_WOULD_WORK = "DryRunOperation"
_SHOWN_POLLS = 12
_SHOWN_POLL_S = 5.0
"""An image whose name is taken and that no list shows yet: a minute outlasts any lag seen."""


class Decision(Enum):
    """What is to be done about a name."""

    REGISTER = auto()
    LEAVE = auto()
    REPLACE = auto()


@dataclass(frozen=True)
class RegionalImage:
    """An image as it is to be in one Region."""

    settings: ImageSettings
    boot: Boot
    region: str
    disks: tuple[tuple[ImageDiskSettings, str], ...]
    """With the snapshot of each in this Region."""
    source_ids: tuple[str, ...]
    """The job's own snapshots, in its own Region."""
    uefi_data: str | None = None
    """Base64."""

    @property
    def mappings(self) -> dict[str, str]:
        """Snapshots by device."""
        devices = device_names([disk for disk, _ in self.disks])
        return {name: each for name, (_, each) in zip(devices, self.disks, strict=True)}

    def parameters(self) -> dict[str, Any]:
        """Return what RegisterImage takes: nothing that matters is left to its defaults."""
        image = self.settings
        devices = device_names([disk for disk, _ in self.disks])
        tags = {**image.tags, SOURCE_TAG: " ".join(self.source_ids)}
        if image.family is not None:
            tags[FAMILY_TAG] = image.family
        optional = {
            "Description": image.description,
            "TpmSupport": "v2.0" if image.tpm else None,
            "ImdsSupport": "v2.0" if image.imds == "v2.0" else None,
            "UefiData": self.uefi_data,
        }
        return {
            "Name": image.name,
            "Architecture": self.boot.architecture,
            "BootMode": self.boot.boot_mode,
            "VirtualizationType": "hvm",
            "EnaSupport": image.ena,
            "RootDeviceName": devices[0],
            "BlockDeviceMappings": [
                _mapping(name, disk, snapshot_id)
                for name, (disk, snapshot_id) in zip(devices, self.disks, strict=True)
            ],
            "TagSpecifications": specification("image", tags),
            **{name: value for name, value in optional.items() if value is not None},
        }


def device_names(disks: Sequence[ImageDiskSettings]) -> list[str]:
    """Return the device name of each disk: as configured, else by its place."""
    taken = {disk.device for disk in disks}
    letters = (f"/dev/sd{chr(letter)}" for letter in count(_FIRST_OF_OTHERS))
    free = (name for name in letters if name not in taken)
    return [
        disk.device or (_ROOT if index == 0 else next(free)) for index, disk in enumerate(disks)
    ]


def _mapping(name: str, disk: ImageDiskSettings, snapshot_id: str) -> dict[str, Any]:
    """Return one disk; never with Encrypted, which EC2 refuses beside a snapshot."""
    ebs: dict[str, Any] = {
        "SnapshotId": snapshot_id,
        "VolumeType": disk.type,
        "DeleteOnTermination": disk.delete_on_termination,
        "Iops": disk.iops,
        "Throughput": disk.throughput,
    }
    return {"DeviceName": name, "Ebs": {key: each for key, each in ebs.items() if each is not None}}


class Plan(NamedTuple):
    """A decision, and which images it is about."""

    decision: Decision
    image_ids: tuple[str, ...] = ()


def decide_image(wanted: RegionalImage, found: Sequence[Mapping[str, Any]]) -> Plan:
    """Return what is to be done, by the images of this name that are there.

    Raises:
        ConfigError: one is over other snapshots or of another kind, and is not to be replaced.
    """
    failed = [each["ImageId"] for each in found if each.get("State") in _FAILED]
    there = [each for each in found if each.get("State") not in _FAILED]
    differing = []
    for each in there:
        difference = _difference(wanted, each)
        if difference is None:
            return Plan(Decision.LEAVE, (each["ImageId"],))
        differing.append((each["ImageId"], difference))
    if differing and not wanted.settings.replace:
        image_id, difference = differing[0]
        what = (
            f"{image_id} in {wanted.region} has this name and {difference}. Choose another name, "
            "such as one with ${date}, or set `replace: true`"
        )
        raise ConfigError((Problem(f"image {wanted.settings.name}", what),))
    replaced = (*failed, *(image_id for image_id, _ in differing))
    return Plan(Decision.REPLACE if replaced else Decision.REGISTER, replaced)


def _difference(wanted: RegionalImage, found: Mapping[str, Any]) -> str | None:
    """Return in what an image is another one; None if it is the same."""
    mappings = snapshots_by_device(found)
    if mappings != wanted.mappings:
        return f"is over {', '.join(map(str, mappings.values())) or 'no snapshot'}"
    for name, value in (
        ("Architecture", wanted.boot.architecture),
        ("BootMode", wanted.boot.boot_mode),
    ):
        if found.get(name) not in {None, value}:
            return f"its {name} is {found.get(name)}, not {value}"
    return None


async def ensure_image(account: Account, wanted: RegionalImage) -> str:
    """Find or register the image, and return its id; it need not be available yet.

    Raises:
        ConfigError: the name is another image's.
        BulkputError: EC2 refuses.
    """
    return await account.repeat(partial(_register, account, wanted))


async def _register(account: Account, wanted: RegionalImage) -> str:
    plan = decide_image(wanted, await images_called(account, wanted.settings.name, wanted.region))
    if plan.decision is Decision.LEAVE:
        return plan.image_ids[0]
    if plan.image_ids:
        await _require_registrable(account, wanted)
    for image_id in plan.image_ids:
        await account.call("DeregisterImage", {"ImageId": image_id}, region=wanted.region)
        account.note(f"{image_id} in {wanted.region} is replaced; its snapshots are kept")
    try:
        answer = await act(account, "RegisterImage", wanted.parameters(), region=wanted.region)
    except ServiceError as error:
        if error.failure is not FailureClass.CONFLICT:
            raise
        return await _shown(account, wanted, error)
    return given("RegisterImage", answer, "ImageId")


async def _require_registrable(account: Account, wanted: RegionalImage) -> None:
    """Return if EC2 would register the image, asked before the one that it replaces is gone.

    Raises:
        ServiceError: it would not.
    """
    try:
        dry = {**wanted.parameters(), "DryRun": True}
        await account.call("RegisterImage", dry, region=wanted.region)
    except ServiceError as error:
        if error.code != _WOULD_WORK:
            raise


async def _shown(account: Account, wanted: RegionalImage, error: ServiceError) -> str:
    """Return the image that has the name already, once a list shows that it is the wanted one."""
    for _ in range(_SHOWN_POLLS):
        found = await images_called(account, wanted.settings.name, wanted.region)
        if found:
            plan = decide_image(wanted, found)
            if plan.decision is Decision.LEAVE:
                return plan.image_ids[0]
        await account.clock.sleep(_SHOWN_POLL_S)
    raise error


async def images_called(account: Account, name: str, region: str) -> list[dict[str, Any]]:
    """Return the account's own images of a name: one attempt."""
    asked = {"Owners": ["self"], "Filters": [{"Name": "name", "Values": [name]}]}
    return await all_pages(account, "DescribeImages", asked, "Images", region=region)


async def wait_for_image(account: Account, name: str, image_id: str, region: str) -> dict[str, Any]:
    """Return what EC2 says of the image once it is available.

    Raises:
        SnapshotError: it failed.
        TemporaryError: it takes longer than the account's limit.
    """

    async def look() -> dict[str, Any] | None:
        for each in await images_called(account, name, region):
            if each.get("ImageId") == image_id:
                if each.get("State") in _FAILED:
                    why = (each.get("StateReason") or {}).get("Message") or "EC2 gives no reason"
                    raise SnapshotError(image_id, f"in {region} failed: {why}")
                return each if each.get("State") == "available" else None
        return None

    return await wait_until(account, look, what=f"{image_id} in {region}", state="available")

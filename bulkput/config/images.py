"""The images (AMIs) of a job: which disks, under which name, for whom, in which Regions.

Owns the keys and what can be said of them before anything is sent.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from bulkput.config.forms import TAG_KEY_TEXT, Description, Name, Tags
from bulkput.config.paths import FilePath
from bulkput.config.publishing import (
    AccountId,
    Iops,
    RegionCopies,
    ThroughputMibPerS,
    VolumeType,
)
from bulkput.config.quantity import Duration
from bulkput.config.section import Section
from bulkput.config.text import Text

_DAY_S = 86_400.0

# Limits of EC2's RegisterImage and of Parameter Store from here on.
ImageName = Annotated[
    str,
    Text(
        "an image's name of 3 to 128 letters, digits, spaces and ()[]./-'@_",
        r"^[A-Za-z0-9()\[\] ./'@_-]+$",
        length_max=128,
        length_min=3,
    ),
]
Device = Annotated[
    str,
    Text("a device name such as /dev/xvda", r"^(/dev/)?[a-z0-9/]+$", length_max=32),
]
OrganizationArn = Annotated[
    str,
    Text(
        "the ARN of an organization, arn:aws:organizations::...:organization/o-...",
        r"^arn:aws[a-z-]*:organizations::[0-9]{12}:organization/o-[a-z0-9]{10,32}$",
        length_max=256,
    ),
]
UnitArn = Annotated[
    str,
    Text(
        "the ARN of an organizational unit, arn:aws:organizations::...:ou/o-.../ou-...",
        r"^arn:aws[a-z-]*:organizations::[0-9]{12}:ou/o-[a-z0-9]{10,32}/ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}$",
        length_max=256,
    ),
]
ParameterName = Annotated[
    str,
    Text("a parameter's name such as /images/web", r"^/?[A-Za-z0-9_./-]+$", length_max=1011),
]


class ImageDiskSettings(Section):
    """One disk of an image."""

    volume: Name = Field(
        description="Name of the job's volume that the disk is.",
    )
    device: Device | None = Field(
        default=None,
        description="Device name. If not given: `/dev/xvda` for the first disk, which is the root, "
        "then `/dev/sdf`, `/dev/sdg` and so on.",
    )
    type: VolumeType = Field(
        default="gp3",
        description="Type of the volumes that instances get.",
    )
    iops: Iops | None = Field(
        default=None,
        description="IOPS of these volumes. If not given: the type's default.",
    )
    throughput: ThroughputMibPerS | None = Field(
        default=None,
        description="Throughput of gp3 volumes in MiB/s. If not given: 125.",
    )
    delete_on_termination: bool = Field(
        default=True,
        description="Delete the volume with its instance.",
    )


class ImageShareSettings(Section):
    """Whom an image is shared with."""

    accounts: tuple[AccountId, ...] = Field(
        default=(), strict=False, description="Accounts that may launch it."
    )
    organizations: tuple[OrganizationArn, ...] = Field(
        default=(), strict=False, description="ARNs of organizations whose accounts may launch it."
    )
    organizational_units: tuple[UnitArn, ...] = Field(
        default=(), strict=False, description="ARNs of organizational units that may launch it."
    )
    public: bool = Field(
        default=False,
        description="Let everybody launch it. Needs `--yes-public` on the command line.",
    )

    @property
    def is_wanted(self) -> bool:
        """Whether anybody is named."""
        return self.public or any((self.accounts, self.organizations, self.organizational_units))


class ImageSettings(Section):
    """An image (AMI) that is registered of the job's snapshots."""

    name: ImageName = Field(
        description="Name of the image, unique in the account and Region; may have variables such "
        "as `${date}`. An image of this name over the same snapshots is left as it is.",
    )
    family: Name | None = Field(
        default=None,
        description="What images that replace each other have in common, for `keep` and "
        "`bulkput image list` and `prune`. Kept in the tag `bulkput:family`.",
    )
    disks: tuple[ImageDiskSettings, ...] = Field(
        default=(),
        strict=False,
        description="Disks of the image, the root first. If not given: all volumes of the job.",
    )
    architecture: Literal["auto", "x86_64", "arm64"] = Field(
        default="auto",
        description="Architecture. `auto` reads it from the boot loader on the first disk.",
    )
    boot_mode: Literal["auto", "legacy-bios", "uefi", "uefi-preferred"] = Field(
        default="auto",
        description="Boot mode. `auto` reads it from the partition table of the first disk.",
    )
    # Off: what is registered against what the disk shows does not boot.
    contradict_disk: bool = Field(
        default=False,
        description="Register the image even if `architecture` or `boot_mode` contradicts what the "
        "first disk shows.",
    )
    ena: bool = Field(
        default=True,
        description="Enhanced networking (ENA), which all current instance types need.",
    )
    tpm: bool = Field(
        default=False,
        description="NitroTPM 2.0. Only with boot mode `uefi`.",
    )
    imds: Literal["v2.0", "optional"] = Field(
        default="v2.0",
        description="`v2.0`: instances require IMDSv2. `optional`: they allow IMDSv1 too.",
    )
    uefi_data: FilePath | None = Field(
        default=None,
        description="File with the UEFI variable store in Base64, as `aws ec2 "
        "get-instance-uefi-data` gives it.",
    )
    description: Description | None = Field(
        default=None,
        description="Description of the image.",
    )
    tags: Tags = Field(
        default_factory=dict,
        json_schema_extra=TAG_KEY_TEXT.of_keys(),
        description="Tags of the image, in every Region.",
    )
    replace: bool = Field(
        default=False,
        description="Replace an image of this name over other snapshots. The old image is "
        "deregistered right before the new one is registered; its snapshots are kept.",
    )
    deprecate_after_s: Annotated[float, Duration(_DAY_S, 3650 * _DAY_S)] | None = Field(
        default=None,
        alias="deprecate_after",
        description="Mark the image as deprecated this long after its creation, such as `90d`.",
    )
    keep: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description="Keep so many images of the `family`, the newest, and delete the others with "
        "their snapshots. Images that an instance or launch template uses are never deleted.",
    )
    share: ImageShareSettings = Field(
        default_factory=ImageShareSettings,
        description="Who else may launch the image.",
    )
    regions: RegionCopies = Field(
        default=(),
        strict=False,
        description="Other Regions in which the image is registered too, over copies of the "
        "snapshots.",
    )
    ssm_parameter: ParameterName | None = Field(
        default=None,
        description="Parameter of Systems Manager that is set to the image's id, in every Region, "
        "once the image is available.",
    )

    @field_validator("disks")
    @classmethod
    def _each_disk_once(cls, disks: tuple[ImageDiskSettings, ...]) -> tuple[ImageDiskSettings, ...]:
        devices = [each.device for each in disks if each.device is not None]
        if len(set(devices)) < len(devices):
            raise ValueError("expected each `device` once")
        return disks

    @field_validator("tpm")
    @classmethod
    def _tpm_needs_uefi(cls, tpm: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's
        if tpm and info.data.get("boot_mode") in {"legacy-bios", "uefi-preferred"}:
            raise ValueError("expected only with `boot_mode: uefi`")
        return tpm

    @field_validator("keep")
    @classmethod
    def _keep_counts_a_family(cls, keep: int | None, info: ValidationInfo) -> int | None:
        if keep is not None and info.data.get("family") is None:
            raise ValueError("expected only with `family`, of which so many are kept")
        return keep

    def disks_of(self, labels: Sequence[str]) -> tuple[ImageDiskSettings, ...]:
        """Return the disks, of a job whose volumes are called ``labels``."""
        return self.disks or tuple(ImageDiskSettings(volume=label) for label in labels)

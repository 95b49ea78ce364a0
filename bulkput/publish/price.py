"""The later steps of a job in words, and what they cost, for the forecast. Pure.

A forecast is to show which of the steps cost money for as long as what they make is there; other
Regions' prices differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bulkput.config.images import ImageSettings
from bulkput.config.volume import VolumeSettings

PRICES_OF = "us-east-1, autumn 2026"
"""Region and date of every price here, by AWS's price list."""

_TRANSFER_USD_PER_GIB = 0.02
"""Between Regions, of the data that a copy sends."""
_SNAPSHOT_USD_PER_GIB_MONTH = 0.05
_VOLUME_USD_PER_GIB_MONTH = {
    "gp3": 0.08,
    "gp2": 0.10,
    "io2": 0.125,
    "io1": 0.125,
    "st1": 0.045,
    "sc1": 0.015,
    "standard": 0.05,
}
"""Without IOPS and throughput beyond the type's own."""
_FAST_RESTORE_USD_PER_HOUR = 0.75
"""For each snapshot and zone; at least one hour."""
_HOURS_PER_MONTH = 730


@dataclass(frozen=True)
class LaterStep:
    """One step after the upload."""

    what: str
    price_usd: float = 0.0
    """Once."""
    price_usd_per_month: float = 0.0
    """For as long as what it makes is there."""

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "what": self.what,
            "price_usd": round(self.price_usd, 6),
            "price_usd_per_month": round(self.price_usd_per_month, 6),
        }


def _copy(label: str, region: str, data_gib: float) -> LaterStep:
    return LaterStep(
        f"copy {label} to {region}",
        _TRANSFER_USD_PER_GIB * data_gib,
        _SNAPSHOT_USD_PER_GIB_MONTH * data_gib,
    )


def steps_of_volume(
    volume: VolumeSettings, *, volume_size_gib: int, data_gib: float
) -> list[LaterStep]:
    """Return what becomes of a volume's snapshot.

    Args:
        volume: Its settings.
        volume_size_gib: Of a volume that is made of it.
        data_gib: Of its blocks.
    """
    label = volume.label
    steps = [_copy(label, each.region, data_gib) for each in volume.regions]
    who = [*volume.share.accounts, *["everybody"] * volume.share.public]
    if who:
        steps.append(LaterStep(f"share {label} with {', '.join(who)}"))
    if volume.lock is not None:
        until = volume.lock.until or f"{volume.lock.duration_days} days"
        steps.append(LaterStep(f"lock {label} ({volume.lock.mode}) for {until}"))
    for zone in volume.fast_restore:
        monthly_usd = _FAST_RESTORE_USD_PER_HOUR * _HOURS_PER_MONTH
        steps.append(LaterStep(f"fast restore of {label} in {zone}", 0.0, monthly_usd))
    new = volume.create_volume
    if new is not None:
        monthly_usd = _VOLUME_USD_PER_GIB_MONTH[new.type] * volume_size_gib
        what = f"make a {new.type} volume of {label} in {new.availability_zone}"
        steps.append(LaterStep(what, 0.0, monthly_usd))
    return steps


def steps_of_image(
    image: ImageSettings, volumes: Mapping[str, VolumeSettings], data_gib: Mapping[str, float]
) -> list[LaterStep]:
    """Return what is done for an image; copies that a volume asks for itself are not named again.

    Args:
        image: The image.
        volumes: Of the job, by their labels.
        data_gib: Of their blocks, by the same; of those that can be uploaded.
    """
    disks = [disk.volume for disk in image.disks_of(list(volumes))]
    steps = [LaterStep(f"register the image {image.name} over {', '.join(disks)}")]
    for each in image.regions:
        key = (each.region, each.kms_key_arn)
        for label in disks:
            own = volumes[label].regions
            if not any((one.region, one.kms_key_arn) == key for one in own):
                steps.append(_copy(label, each.region, data_gib.get(label, 0.0)))
        steps.append(LaterStep(f"register the image {image.name} in {each.region}"))
    share = image.share
    who = [
        *share.accounts,
        *share.organizations,
        *share.organizational_units,
        *["everybody"] * share.public,
    ]
    if who:
        steps.append(LaterStep(f"let {', '.join(who)} launch {image.name}"))
    if image.ssm_parameter is not None:
        steps.append(LaterStep(f"set the parameter {image.ssm_parameter}"))
    if image.keep is not None:
        steps.append(LaterStep(f"keep {image.keep} images of the family {image.family}"))
    return steps

"""The flags of what becomes of a snapshot, and the question whether public is meant."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from bulkput.cli.options import with_options
from bulkput.model.errors import UsageError

if TYPE_CHECKING:
    from bulkput.config.settings import JobSettings

EMPTY_IS_NOT_GIVEN = ("share", "public", "fast_restore", "fast_restore_wait", "copy_to")
"""Flags whose value is never None."""

yes_public_option = click.option(
    "--yes-public",
    is_flag=True,
    help="Confirm that snapshots or images become public, as the configuration asks for.",
)
publishing_options = with_options(
    click.option(
        "--copy-to",
        multiple=True,
        metavar="REGION[=KEY_ARN]",
        help="Copy the completed snapshot to this Region, under a key of its own if one is named. "
        "May be repeated.",
    ),
    click.option(
        "--share",
        multiple=True,
        metavar="ACCOUNT",
        help="Let this account make volumes of the snapshot. May be repeated.",
    ),
    click.option("--public", is_flag=True, help="Share the snapshot with everybody."),
    yes_public_option,
    click.option(
        "--create-volume",
        metavar="ZONE",
        help="Make a gp3 volume of the snapshot in this Availability Zone.",
    ),
    click.option(
        "--fast-restore",
        multiple=True,
        metavar="ZONE",
        help="Enable fast snapshot restore in this Availability Zone. May be repeated.",
    ),
    click.option(
        "--fast-restore-wait",
        is_flag=True,
        help="Wait until fast snapshot restore is enabled, an hour for each TiB.",
    ),
    click.option(
        "--lock",
        type=click.Choice(["governance", "compliance"]),
        default=None,
        help="Lock the snapshot for --lock-days, so that it cannot be deleted.",
    ),
    click.option("--lock-days", type=int, metavar="DAYS", help="How long --lock lasts."),
)


def require_public_is_meant(settings: "JobSettings", *, yes: bool) -> None:
    """Return if nothing becomes public, or that is confirmed.

    Raises:
        UsageError: it is not.
    """
    names = ", ".join(_public(settings))
    if names and not yes:
        raise UsageError(f"{names}: to be public, which everybody can read; --yes-public confirms")


def require_zones_to_wait_for(settings: "JobSettings", *, waits: bool) -> None:
    """Return if the flag that waits for fast restore has something to wait for.

    Raises:
        UsageError: it has not.
    """
    if waits and not any(volume.fast_restore for volume in settings.volumes):
        raise UsageError("--fast-restore-wait: needs --fast-restore ZONE, which it waits for")


def _public(settings: "JobSettings") -> Iterator[str]:
    for volume in settings.volumes:
        if volume.share.public:
            yield f"the snapshot of {volume.label}"
    from bulkput.config.images_in_part import made_images  # noqa: PLC0415 - not for --help

    for image in made_images(settings):
        if image.share.public:
            yield f"the image {image.name}"

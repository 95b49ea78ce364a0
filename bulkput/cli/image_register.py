"""``bulkput image register``: an image (AMI) of snapshots that exist."""

import os
from pathlib import Path
from typing import Any

import click

from bulkput.cli.command import Command
from bulkput.cli.options import (
    PATH,
    invocation_of,
    observe_options,
    reporting_options,
    service_options,
    state_option,
    with_options,
)
from bulkput.cli.publishing_options import require_public_is_meant, yes_public_option
from bulkput.cli.streams import write_message, write_result
from bulkput.cli.words import snapshots
from bulkput.observe.plain import plain
from bulkput.observe.result import OutputForm, as_json

_EMPTY_IS_NOT_GIVEN = ("tag", "share", "copy_to", "public", "replace", "tpm", "contradict_disk")

_image_options = with_options(
    click.option("--name", required=True, metavar="NAME", help="Name of the image."),
    click.option("--family", metavar="NAME", help="Family that the image belongs to."),
    click.option(
        "--architecture",
        type=click.Choice(["auto", "x86_64", "arm64"]),
        default=None,
        help="Architecture. Default: as the boot loader on the first disk shows.",
    ),
    click.option(
        "--boot-mode",
        type=click.Choice(["auto", "legacy-bios", "uefi", "uefi-preferred"]),
        default=None,
        help="Boot mode. Default: as the first disk shows.",
    ),
    click.option(
        "--contradict-disk",
        is_flag=True,
        help="Register the image even if the disk contradicts --architecture or --boot-mode.",
    ),
    click.option("--tpm", is_flag=True, help="NitroTPM 2.0; only with boot mode uefi."),
    click.option(
        "--imds",
        type=click.Choice(["v2.0", "optional"]),
        default=None,
        help="Whether instances require IMDSv2. Default: v2.0, they do.",
    ),
    click.option("--uefi-data", type=PATH, metavar="FILE", help="UEFI variable store, in Base64."),
    click.option("--description", metavar="TEXT", help="Description of the image."),
    click.option(
        "--tag", multiple=True, metavar="KEY=VALUE", help="A tag for the image. May be repeated."
    ),
    click.option(
        "--replace",
        is_flag=True,
        help="Replace an image of this name over other snapshots; its snapshots are kept.",
    ),
    click.option(
        "--deprecate-after", metavar="TIME", help="Deprecate it after this time, such as 90d."
    ),
    click.option(
        "--keep",
        type=int,
        metavar="N",
        help="Keep so many images of the family, and delete the others that nobody uses.",
    ),
    click.option(
        "--copy-to",
        multiple=True,
        metavar="REGION[=KEY_ARN]",
        help="Register it in this Region too, over copies. May be repeated.",
    ),
    click.option(
        "--share",
        multiple=True,
        metavar="ACCOUNT",
        help="Let this account launch the image. May be repeated.",
    ),
    click.option("--public", is_flag=True, help="Let everybody launch the image."),
    yes_public_option,
    click.option(
        "--ssm-parameter", metavar="NAME", help="Set this parameter to the id of the image."
    ),
)


@click.command(cls=Command)
@click.argument(
    "snapshots", metavar="SNAPSHOT...", nargs=-1, required=True, shell_complete=snapshots
)
@_image_options
@state_option
@service_options
@observe_options
@reporting_options
@click.pass_context
def register(
    context: click.Context,
    /,
    snapshots: tuple[str, ...],
    *,
    yes_public: bool,
    uefi_data: Path | None,
    **flags: Any,
) -> int:
    """Register an image of completed snapshots, the root disk's first.

    The same command again finds the image and finishes what is unfinished.
    """
    from bulkput.cli.publish import publish_shown  # noqa: PLC0415 - not for --help
    from bulkput.config.flags import regions_of_texts, tags_of_texts  # noqa: PLC0415 - the same
    from bulkput.config.image_flags import image_from_flags  # noqa: PLC0415 - the same
    from bulkput.observe.result import error_sentence, exit_code, image_ids  # noqa: PLC0415

    flags |= {name: flags[name] or None for name in _EMPTY_IS_NOT_GIVEN}
    flags["tag"] = None if flags["tag"] is None else tags_of_texts(flags["tag"])
    flags["copy_to"] = None if flags["copy_to"] is None else regions_of_texts(flags["copy_to"])
    settings, named = image_from_flags(snapshots, flags | {"uefi_data": uefi_data}, os.environ)
    require_public_is_meant(settings, yes=yes_public)
    invocation = invocation_of(context)
    outcomes = publish_shown(settings, named, invocation)
    error = error_sentence(outcomes, outcomes.images)
    if error is not None:
        write_message(f"bulkput: error: {plain(error)}")
    in_json = invocation.output is OutputForm.JSON
    (image,) = outcomes.images
    write_result(as_json(image.as_dict()) if in_json else image_ids(outcomes.images))
    return exit_code(outcomes, outcomes.images)

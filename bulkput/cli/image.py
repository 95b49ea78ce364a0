"""``bulkput image``: images of snapshots that exist, and the images of a family."""

from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Command, Group
from bulkput.cli.gc import as_duration_s
from bulkput.cli.image_register import register
from bulkput.cli.options import invocation_of, service_options, shown_options, with_options
from bulkput.cli.service import call_out, service_of
from bulkput.cli.streams import write_result
from bulkput.cli.text import table, write_message_line
from bulkput.observe.result import OutputForm, as_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkput.api.images import FamilyImage
    from bulkput.cli.options import Invocation

_HEAD = ("IMAGE", "NAME", "REGION", "CREATED", "USED BY", "")


def _as_regions(
    context: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    if value:
        from bulkput.config.service import REGION_TEXT  # noqa: PLC0415 - not for --help
    try:
        return tuple(REGION_TEXT.parse(each) for each in value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", context, parameter) from None


_family_options = with_options(
    click.option(
        "--family",
        required=True,
        metavar="NAME",
        help="Family of the images, as the job calls it (tag bulkput:family).",
    ),
    click.option(
        "--only-region",
        "regions",
        multiple=True,
        callback=_as_regions,
        metavar="NAME",
        help="Look only in this Region; may be repeated. Default: every Region of the account.",
    ),
)


@click.group(cls=Group)
def image() -> None:
    """Register images of snapshots, and list and prune those of a family."""


image.add_command(register)


@image.command("list", cls=Command)
@_family_options
@service_options
@shown_options
@click.pass_context
def list_(context: click.Context, /, *, family: str, regions: tuple[str, ...], **flags: Any) -> int:
    """List the images of a family in every Region, and who uses them."""
    from bulkput.api.images import list_family  # noqa: PLC0415 - not for --help

    settings, _ = service_of(**flags)
    invocation = invocation_of(context)
    found = call_out(
        lambda: list_family(settings, family, write_message_line, regions=regions), invocation
    )
    _write(found, (), family, invocation, deletes=False)
    return 0


@image.command("prune", cls=Command)
@_family_options
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    required=True,
    metavar="N",
    help="Keep so many images in each Region, the newest.",
)
@click.option(
    "--older-than",
    callback=as_duration_s,
    default="0s",
    metavar="DURATION",
    help="Delete only images that are older than this, such as 90d.",
)
@click.option(
    "--yes",
    is_flag=True,
    help="Delete the images and their snapshots; without this flag they are only listed.",
)
@service_options
@shown_options
@click.pass_context
def prune(
    context: click.Context,
    /,
    *,
    family: str,
    regions: tuple[str, ...],
    keep: int,
    older_than: float,
    yes: bool,
    **flags: Any,
) -> int:
    """Delete old images of a family and their snapshots, in every Region.

    An image that an instance or a version of a launch template uses is never deleted, and a
    snapshot that another image is over neither.
    """
    from bulkput.api.images import prune_family  # noqa: PLC0415 - not for --help

    settings, _ = service_of(**flags)
    invocation = invocation_of(context)
    found = call_out(
        lambda: prune_family(
            settings,
            family,
            write_message_line,
            keep=keep,
            older_than_s=older_than,
            delete=yes,
            regions=regions,
        ),
        invocation,
    )
    _write(found.images, found.going, family, invocation, deletes=yes)
    return 0


def _write(
    images: "Sequence[FamilyImage]",
    going: "Sequence[FamilyImage]",
    family: str,
    invocation: "Invocation",
    *,
    deletes: bool,
) -> None:
    word = "deleted" if deletes else "to delete"
    if invocation.output is OutputForm.JSON:
        listed = [each.as_dict() | {"goes": each in going} for each in images]
        write_result(
            as_json({"family": family, "deletes": deletes, "images": listed, "exit_code": 0})
        )
        return
    rows = [
        (
            each.image_id,
            each.name,
            each.region,
            f"{each.created:%Y-%m-%d %H:%M}",
            each.used_by or "",
            word if each in going else "",
        )
        for each in images
    ]
    if rows:
        write_result(table(_HEAD, rows))
    else:
        write_message_line(f"no image is of the family {family}")
    if going and not deletes:
        write_message_line(f"{len(going)} to delete: --yes deletes them, and their snapshots")

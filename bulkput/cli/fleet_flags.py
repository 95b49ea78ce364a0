"""Flags of `bulkput fleet`, whose values have the forms that they have in a job's file."""

from typing import TYPE_CHECKING

import click

from bulkput.model.errors import UsageError

if TYPE_CHECKING:
    from bulkput.config.text import Text


def parsed(flag: str, form: "Text", text: str) -> str:
    """Return a flag's value.

    Raises:
        UsageError: it is not of this form.
    """
    try:
        return form.parse(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None


def _cluster(_context: click.Context, _flag: click.Parameter, text: str) -> str:
    from bulkput.config.fleet import CLUSTER_TEXT  # noqa: PLC0415 - pydantic is not for --help

    return parsed("--address", CLUSTER_TEXT, text)


cluster_option = click.option(
    "--address",
    metavar="ADDRESS",
    default="auto",
    show_default=True,
    callback=_cluster,
    help="The Ray cluster: auto (that of this machine), HOST:PORT or ray://HOST:PORT.",
)

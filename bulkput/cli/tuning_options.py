"""The flags that say how much of a machine and of an account a verb may use."""

from typing import Any

import click


class _Processes(click.ParamType):  # type: ignore[type-arg]  # generic only in later clicks
    """``auto``, or a number."""

    name = "processes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        if value == "auto":
            return "auto"
        try:
            converted: int = click.INT.convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"expected auto or a whole number, not {value!r}.", param, ctx)
        return converted


processes_option = click.option(
    "--processes",
    type=_Processes(),
    metavar="N|auto",
    help="How many processes put or get blocks. Default: auto, as many as the processor makes "
    "necessary.",
)


quota_share_option = click.option(
    "--quota-share",
    type=float,
    metavar="SHARE",
    help="The share of the account's quotas that is this command's, such as 0.25, where others put "
    "or get blocks beside it. Default: all of them.",
)
"""Of verbs that put or get many blocks."""

"""The commands' own class: help in sections with examples, and the nearest name to a mistyped one.

Owns how ``--help`` looks. What it lists stands in `bulkput.cli.help_contents`.
"""

from collections.abc import Sequence

import click

from bulkput.cli.help_contents import EXAMPLES, FLAG_SECTIONS, OTHER_FLAGS

HELP_WIDTH_MAX_COLUMNS = 100
"""Longer lines are hard to read; a narrower terminal gets its own width."""
_NEAREST_COUNT = 3
_NEAREST_CUTOFF = 0.65
"""As `difflib` counts: `uplaod` has 0.83 with `upload`, and 0.6 with `plan`, which is not meant."""
_NAME_LENGTH_MAX = 64
"""What is longer is no mistyped name; the search for near ones takes time by the length."""


class Command(click.Command):
    """A command whose help has its flags in sections, and examples at the end."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the flags by section; what is in none comes first, under Options."""
        listed = [
            (parameter.opts[0], record)
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)  # arguments have their sentence above
            and (record := parameter.get_help_record(ctx)) is not None
        ]
        sections: dict[str, list[tuple[str, str]]] = {name: [] for name in FLAG_SECTIONS}
        for flag, record in listed:
            sections[_section_of(flag)].append(record)
        for name, records in sections.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        examples = EXAMPLES.get(ctx.command_path.partition(" ")[2], ())
        if examples:
            with formatter.section("Examples"):
                for meaning, command in examples:
                    formatter.write_text(f"{meaning}:")
                    formatter.write(f"{'':{formatter.current_indent + 2}}{command}\n")


class Group(click.Group):
    """A group that names the nearest of its commands where one is mistyped."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that ``args`` begin with.

        Raises:
            UsageError: there is none; with the nearest.
        """
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            raise click.UsageError(unknown_command(name, self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)


def unknown_command(name: str, commands: Sequence[str]) -> str:
    """Return the sentence for a command that does not exist, with the nearest ones."""
    near = nearest(name, commands)
    advice = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"No such command {name!r}.{advice}"


def nearest(name: str, names: Sequence[str]) -> list[str]:
    """Return which of ``names`` are like ``name``, the most likely first."""
    import difflib  # noqa: PLC0415 - after a mistake alone

    return difflib.get_close_matches(
        name[:_NAME_LENGTH_MAX], names, n=_NEAREST_COUNT, cutoff=_NEAREST_CUTOFF
    )


def _section_of(flag: str) -> str:
    """Return the section that a flag is listed in."""
    return next((name for name, flags in FLAG_SECTIONS.items() if flag in flags), OTHER_FLAGS)

"""The pages of the manual, which are files of the package.

Owns where they are and how one is shown: rendered on a terminal, as it is written in a pipe.
"""

import re
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable

import click

from bulkput.cli.streams import write_result

_WIDTH_MAX_COLUMNS = 100
"""Longer lines of prose are hard to read; the tables need about as much."""
_PAGE_LINK = re.compile(r"\[([^\]]+)\]\(([a-z-]+)\.md\)")
_COMMENT = re.compile(r"^<!--.*-->\n", re.MULTILINE)


def topics() -> dict[str, str]:
    """Return the title of every page by its topic, in alphabetical order."""
    pages = sorted(_folder().iterdir(), key=lambda page: page.name)
    return {
        page.name.removesuffix(".md"): _title(page) for page in pages if page.name.endswith(".md")
    }


def page(topic: str) -> str:
    """Return the Markdown of a page; ``topic`` is one of `topics`."""
    return (_folder() / f"{topic}.md").read_text(encoding="utf-8")


def show(markdown: str) -> None:
    """Show Markdown on stdout: rendered and paged on a terminal, else as it is.

    Raises:
        BrokenPipeError: nobody reads stdout any more.
        ResultNotWrittenError: stdout cannot be written to.
    """
    if sys.stdout.isatty():
        click.echo_via_pager(_rendered(markdown))
    else:
        write_result(markdown)


def _folder() -> Traversable:
    return files("bulkput") / "manual"


def _title(page: Traversable) -> str:
    with page.open(encoding="utf-8") as lines:
        return next(lines).removeprefix("#").strip()


def _rendered(markdown: str) -> str:
    """Return Markdown as a terminal shows it; a link to a page becomes the command for it."""
    from rich.console import Console  # noqa: PLC0415 - costs more than all else, and not in a pipe
    from rich.markdown import Markdown  # noqa: PLC0415 - the same

    text = _PAGE_LINK.sub(_as_command, _COMMENT.sub("", markdown))
    console = Console(file=sys.stdout)
    console.width = min(console.width, _WIDTH_MAX_COLUMNS)
    with console.capture() as captured:
        console.print(Markdown(text, hyperlinks=False))
    return captured.get()


def _as_command(link: re.Match[str]) -> str:
    command = f"`bulkput help {link[2]}`"
    return command if link[1] == link[2] else f"{link[1]} ({command})"

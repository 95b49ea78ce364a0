"""A terminal is asked before something is uploaded that does not look like a disk.

Nobody is asked without one: a script finds the same words on stderr and in the result.
"""

import sys

import click

from bulkput.cli.text import shown
from bulkput.config.settings import JobSettings
from bulkput.model.errors import SourceError


def confirm_sources(settings: JobSettings) -> None:
    """Ask about each source that does not look like a disk, if somebody can be asked.

    Raises:
        SourceError: the answer was no.
    """
    if not (_is_terminal(sys.__stdin__) and _is_terminal(sys.__stderr__)):
        return
    from bulkput.api.source import doubt_about  # noqa: PLC0415 - heavy, not for --help

    for volume in settings.volumes:
        doubt = doubt_about(settings, volume)
        if doubt is None:
            continue
        name = volume.source.shown
        question = f"{shown(f'{name}: {doubt}')}.\nUpload it nevertheless?"
        try:
            agreed = click.confirm(question, err=True)
        except click.Abort:  # Ctrl-C or Ctrl-D at the question
            agreed = False
        if not agreed:
            what = "was not uploaded: it does not look like a disk. Set format: raw if it is one"
            raise SourceError(name, what)


def _is_terminal(stream: object) -> bool:
    try:
        return bool(getattr(stream, "isatty", bool)())
    except ValueError:  # closed
        return False

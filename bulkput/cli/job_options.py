"""The flags of verbs that take a job's file: its variables, and which of its volumes count."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from bulkput.cli.options import OBSERVE_OVERRIDES, Invocation, with_options
from bulkput.cli.service import warn_of_environment
from bulkput.cli.text import write_message_line
from bulkput.config.shard import Shard, parse_shard
from bulkput.model.errors import UsageError

if TYPE_CHECKING:
    from bulkput.config.load import LoadedSettings
    from bulkput.config.settings import JobSettings

reference_options = with_options(
    click.option(
        "--set",
        "variables",
        multiple=True,
        metavar="NAME=VALUE",
        help="A value for ${var.NAME} in the job file; may be repeated.",
    ),
    click.option(
        "--allow-command",
        is_flag=True,
        help="Allow volumes_from of the job file to run programs.",
    ),
)

fresh_option = click.option(
    "--fresh",
    is_flag=True,
    help="Make a new snapshot of every volume, even of those that an unfinished run has completed.",
)

choice_options = with_options(
    click.option(
        "--only",
        multiple=True,
        metavar="PATTERN",
        help="Only volumes of the job whose names match, such as 'web-*'; may be repeated.",
    ),
    click.option(
        "--except",
        "exclude",
        multiple=True,
        metavar="PATTERN",
        help="Not the volumes of the job whose names match; may be repeated.",
    ),
    reference_options,
)
shard_option = click.option(
    "--shard",
    metavar="INDEX/COUNT",
    callback=lambda _context, _flag, text: None if text is None else parse_shard(text, os.environ),
    help="Only every COUNT-th volume of the job, from INDEX (0 is the first) on, with a COUNT-th "
    "of its rates and of the account's quotas; auto reads the numbers of AWS Batch's array job, "
    "auto/COUNT the index of a Kubernetes job too.",
)
shard_options = with_options(
    shard_option,
    click.option(
        "--quota-share",
        type=float,
        metavar="SHARE",
        help="The share of the account's quotas that is this run's, such as 0.25. Default: all of "
        "them, or with --shard a COUNT-th.",
    ),
)
schedule_options = with_options(
    click.option(
        "--parallel", type=int, metavar="N", help="How many volumes to upload at the same time."
    ),
    click.option(
        "--order",
        type=click.Choice(["file", "size", "size-desc"]),
        default=None,
        help="Start volumes as written (the default), or the smallest or largest source first.",
    ),
    click.option(
        "--on-error",
        type=click.Choice(["continue", "stop"]),
        default=None,
        help="When a volume fails: continue with the others (the default), or start no more.",
    ),
    click.option(
        "--max-duration",
        metavar="TIME",
        help="Stop after this time, such as 6h, with code 5; the same command resumes the job.",
    ),
    click.option(
        "--window",
        metavar="HH:MM-HH:MM",
        help="Put blocks only in this time of day, such as 22:00-06:00; otherwise wait for it.",
    ),
)


_QUOTA_SHARE = "tuning.quota_share"
_CHOICE = ("variables", "allow_command", "only", "exclude", "shard")
"""Flags that only a job's file has a use for."""

Begin = Literal["auto", "fresh", "rerun"]


@dataclass(frozen=True)
class Choice:
    """The flags that choose volumes and values of a job's file."""

    variables: tuple[str, ...] = ()
    allow_command: bool = False
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    begin: Begin = "auto"
    shard: Shard | None = None
    """The part of the job that is this run's; None is all of it."""
    overrides: Mapping[str, object] = field(default_factory=dict)
    """By dotted keys."""
    takes_inventories: bool = True
    """Whether `volumes_from` is looked at."""

    @property
    def is_made(self) -> bool:
        """Whether any flag was given that only a job's file has a use for."""
        return bool(self.variables or self.allow_command or self.only or self.exclude or self.shard)


def load_job(config: Path, choice: Choice, invocation: Invocation) -> "LoadedSettings":
    """Return the job of a file, and of its volumes those that were chosen; shows warnings.

    Raises:
        ConfigError: with every problem found.
        UsageError: the choice fits nothing.
    """
    from bulkput.config.expansion import Inputs  # noqa: PLC0415 - pydantic is not for --help
    from bulkput.config.load import load_settings  # noqa: PLC0415 - the same

    settings = _settings_of(choice.variables)

    def load(date: str | None) -> "LoadedSettings":
        inputs = Inputs(settings, choice.allow_command, date, choice.takes_inventories)
        return load_settings(config, environ=os.environ, overrides=choice.overrides, inputs=inputs)

    loaded = load(None)
    is_partial = bool(choice.only or choice.exclude or choice.shard)
    date = None if choice.begin == "fresh" and not is_partial else _date_of_round(loaded.settings)
    if date is not None:
        loaded = load(date)
    show_warnings(loaded, invocation)
    return _chosen(loaded, choice)


def load_job_or_flags(
    config: Path | None, source: str | None, flags: Mapping[str, Any], invocation: Invocation
) -> "LoadedSettings":
    """Return the chosen part of a job, or of flags alone what they describe; shows warnings.

    Args:
        config: The job's file; None where there is none.
        source: Where there is none, the one volume that is meant; None is the service alone.
        flags: Those of ``choice_options`` and ``shard_option``, and others by the names that
            ``settings_from_flags`` knows.
        invocation: Whether warnings are wanted.

    Raises:
        ConfigError: with every problem found.
        UsageError: the choice fits nothing, or was made without a file.
    """
    from bulkput.config.flags import settings_from_flags  # noqa: PLC0415 - not for --help

    chosen = {name: flags[name] for name in _CHOICE}
    others = {name: value for name, value in flags.items() if name not in chosen}
    if config is not None:
        keys = {"endpoint_url": "endpoint", **OBSERVE_OVERRIDES}
        overrides = {keys.get(name, name): value for name, value in others.items()}
        return load_job(config, Choice(**chosen, overrides=overrides), invocation)
    if Choice(**chosen).is_made:
        raise UsageError("--only, --except, --set, --allow-command and --shard go with a CONFIG")
    warn_of_environment(invocation)
    return settings_from_flags(source, flags=others, environ=os.environ)


def show_warnings(loaded: "LoadedSettings", invocation: Invocation) -> None:
    """Show what the user should know of the configuration."""
    if not invocation.quiet:
        for warning in loaded.warnings:
            write_message_line(f"warning: {warning}")


def _settings_of(variables: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, text in enumerate(variables, start=1):
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--set: expected NAME=VALUE, and number {number} has no `=`")
        if name in found:
            raise UsageError(f"--set: {name} is given twice")
        found[name] = value
    return found


def _date_of_round(settings: "JobSettings") -> str | None:
    """Return the date of the round that the job is in, where it is another than today's."""
    from bulkput.api.status import record_of  # noqa: PLC0415 - as above
    from bulkput.ledger.folder import default_state_dir  # noqa: PLC0415 - as above
    from bulkput.model.errors import LedgerError  # noqa: PLC0415 - as above

    request = settings.request
    if request is None or request.identity.file == "-":
        return None  # standard input cannot be read again
    state_dir = settings.state_dir or default_state_dir(os.environ)
    if settings.state_store is not None:
        from bulkput.api.store import fetch_record  # noqa: PLC0415 - only who has a store pays

        fetch_record(settings, request.identity)
    try:
        record = record_of(state_dir, request.identity)
    except LedgerError:
        return None  # reported by whoever goes on with the job
    is_open = record is not None and not record.delivered
    return record.date if record and is_open and record.date != request.date else None


def _chosen(loaded: "LoadedSettings", choice: Choice) -> "LoadedSettings":
    from dataclasses import replace  # noqa: PLC0415 - as above

    from bulkput.config.selection import chosen_labels  # noqa: PLC0415 - as above

    settings = loaded.settings
    request = settings.request
    if request is None:
        return loaded
    is_chosen = chosen_labels(
        [volume.label for volume in settings.volumes], only=choice.only, exclude=choice.exclude
    )
    if choice.shard is not None:
        in_shard = choice.shard.has(settings.volumes)
        is_chosen = [both == (True, True) for both in zip(is_chosen, in_shard, strict=True)]
        share = None if choice.overrides.get(_QUOTA_SHARE) is None else settings.tuning.quota_share
        tuning = choice.shard.tuning(settings.tuning, share)
        settings = settings.model_copy(update={"tuning": tuning})
    pairs = list(zip(settings.volumes, is_chosen, strict=True))
    volumes = tuple(volume for volume, chosen in pairs if chosen)
    left_out = tuple(volume for volume, chosen in pairs if not chosen)
    request = replace(request, left_out=left_out, begin=choice.begin)
    return replace(loaded, settings=settings.requested(request, volumes))

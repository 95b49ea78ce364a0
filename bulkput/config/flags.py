"""Settings of one volume from the flags of ``bulkput upload``, or from the options of a library.

Owns which flag stands for which key, and that an option has the name of the flag's parameter. A
file given beside flags counts for how and where to upload (`tuning`, `observe`, `region`,
`profile`, `endpoint`, `allow_insecure_http`, `state_dir`, `state_store`, `window`), not for what:
its name, its volumes and in which order they are uploaded are a job's.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from bulkput.config.document import Document, Location
from bulkput.config.load import Given, LoadedSettings, build, from_here
from bulkput.config.paths import STANDARD_INPUT
from bulkput.config.settings import VERSION, JobSettings
from bulkput.model.address import is_address
from bulkput.model.errors import ConfigError, Problem

JOB_KEYS = (
    "name",
    "parallel",
    "order",
    "on_error",
    "max_duration",
    "defaults",
    "volumes_from",
    "volumes",
    "images",
)
"""What of a file is a job's; any other key is refused, as in a job."""

_VOLUME: Location = ("volumes", 0)
_SNAPSHOT: Location = (*_VOLUME, "snapshot")


class Flag(NamedTuple):
    """A flag and the key that it stands for."""

    name: str
    location: Location


UPLOAD_FLAGS: Mapping[str, Flag] = MappingProxyType(
    {
        "region": Flag("--region", ("region",)),
        "profile": Flag("--profile", ("profile",)),
        "endpoint_url": Flag("--endpoint-url", ("endpoint",)),
        "allow_insecure_http": Flag("--allow-insecure-http", ("allow_insecure_http",)),
        "state_dir": Flag("--state-dir", ("state_dir",)),
        "state_store": Flag("--state-store", ("state_store",)),
        "usd_per_thousand_puts": Flag("--usd-per-thousand", ("usd_per_thousand_puts",)),
        "name": Flag("--name", (*_VOLUME, "name")),
        "format": Flag("--format", (*_VOLUME, "source", "format")),
        "allow_backing_file": Flag(
            "--allow-backing-file", (*_VOLUME, "source", "allow_backing_file")
        ),
        "allow_mounted": Flag("--allow-mounted", (*_VOLUME, "source", "allow_mounted")),
        "allow_trailing_data": Flag(
            "--allow-trailing-data", (*_VOLUME, "source", "allow_trailing_data")
        ),
        "reader": Flag("--reader", (*_VOLUME, "source", "reader")),
        "series": Flag("--series", (*_VOLUME, "series")),
        "zeros": Flag("--zeros", (*_VOLUME, "zeros")),
        "resume": Flag("--resume", (*_VOLUME, "resume")),
        "on_failure": Flag("--on-failure", (*_VOLUME, "on_failure")),
        "allow_changing_source": Flag(
            "--allow-changing-source", (*_VOLUME, "allow_changing_source")
        ),
        "verify": Flag("--verify", (*_VOLUME, "verify")),
        "verify_sample": Flag("--verify-sample", (*_VOLUME, "verify_sample")),
        "volume_size_gib": Flag("--volume-size-gib", (*_SNAPSHOT, "volume_size_gib")),
        "description": Flag("--description", (*_SNAPSHOT, "description")),
        "tag": Flag("--tag", (*_SNAPSHOT, "tags")),
        "kms_key_arn": Flag("--kms-key-arn", (*_SNAPSHOT, "kms_key_arn")),
        "encrypted": Flag("--encrypted", (*_SNAPSHOT, "encrypted")),
        "client_token": Flag("--client-token", (*_SNAPSHOT, "client_token")),
        "parent": Flag("--parent", (*_SNAPSHOT, "parent")),
        "parent_manifest": Flag("--parent-manifest", (*_SNAPSHOT, "parent_manifest")),
        "timeout_min": Flag("--timeout-min", (*_SNAPSHOT, "timeout_min")),
        "wait": Flag("--no-wait", (*_SNAPSHOT, "wait")),
        "share": Flag("--share", (*_VOLUME, "share", "accounts")),
        "public": Flag("--public", (*_VOLUME, "share", "public")),
        "create_volume": Flag("--create-volume", (*_VOLUME, "create_volume", "availability_zone")),
        "fast_restore": Flag("--fast-restore", (*_VOLUME, "fast_restore")),
        "fast_restore_wait": Flag("--fast-restore-wait", (*_VOLUME, "fast_restore_wait")),
        "lock": Flag("--lock", (*_VOLUME, "lock", "mode")),
        "lock_days": Flag("--lock-days", (*_VOLUME, "lock", "duration_days")),
        "copy_to": Flag("--copy-to", (*_VOLUME, "regions")),
    }
)
"""By the name of the parameter."""

OBSERVE_FLAGS: Mapping[str, Flag] = MappingProxyType(
    {
        "events": Flag("--events", ("observe", "events")),
        "progress_interval": Flag("--progress-interval", ("observe", "progress_interval")),
        "log_file": Flag("--log-file", ("observe", "log_file")),
        "metrics_listen": Flag("--metrics-listen", ("observe", "metrics_listen")),
        "metrics_textfile": Flag("--metrics-textfile", ("observe", "metrics_textfile")),
        "report": Flag("--report", ("observe", "report")),
    }
)
"""Of every verb that takes time. A program that calls the library listens to events itself."""

TUNING_FLAGS: Mapping[str, Flag] = MappingProxyType(
    {
        "processes": Flag("--processes", ("tuning", "processes")),
        "quota_share": Flag("--quota-share", ("tuning", "quota_share")),
    }
)
"""A program that calls the library gives the section as a whole."""

_FLAGS = {**UPLOAD_FLAGS, **OBSERVE_FLAGS, **TUNING_FLAGS}


def settings_from_flags(
    source: Path | str | None,
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    config: Path | str | None = None,
    user_names: Mapping[str, str] = MappingProxyType({}),
) -> LoadedSettings:
    """Return settings with the one volume that ``source`` and ``flags`` describe.

    Args:
        source: the path to read, as given; None where only the service is meant: no volume then.
        flags: values by the names of all flags here; None is not given.
            ``tag`` is an iterable of ``Key=Value``, ``copy_to`` one of ``REGION`` or
            ``REGION=KEY_ARN``. A relative ``Path`` starts from the current
            folder.
        environ: the process's environment.
        config: a file for all keys but those in `JOB_KEYS`, which are passed over.
        user_names: what the user calls flags by which other ones are meant.

    Raises:
        ConfigError: with every problem found; those of flags name the flag.
        KeyError: a name that is in neither.
    """
    if config is None:
        document = Document(None, data={"version": VERSION})
    else:
        from bulkput.config.yaml_file import read_document  # noqa: PLC0415 - flags need no YAML

        document = _shared_part(read_document(Path(config)))
    path = (*_VOLUME, "source", "path")
    given = [] if source is None else [Given(path, "SOURCE", _place(source), "argument")]
    problems: list[Problem] = []
    for name, value in flags.items():
        flag = _FLAGS[name]
        if value is None:
            continue
        if name == "tag":
            value = _tags(value, problems)  # noqa: PLW2901 - the same value, taken apart
            if not value:
                continue
        value = regions_of_texts(value) if name == "copy_to" else value  # noqa: PLW2901 - the same
        called = user_names.get(name, flag.name)
        given.append(Given(flag.location, called, from_here(value), "flag"))
    has_volumes = source is not None
    return build(document, given, environ=environ, problems=problems, has_volumes=has_volumes)


def settings_from_options(
    options: Mapping[str, object], *, user_names: Mapping[str, str] = MappingProxyType({})
) -> JobSettings:
    """Return settings with the one volume that ``options`` describe.

    Args:
        options: values by the names in `UPLOAD_FLAGS`, with ``tags`` for ``tag``, beside ``source``
            and ``tuning``; None is not given, and without a source there is no volume.
        user_names: what the caller calls options by which other ones are meant.

    Raises:
        ConfigError: with every problem found, each by the option's name.
        KeyError: a name that is none of these.
    """
    given = [
        Given(
            _OPTIONS[name],
            user_names.get(name, name),
            regions_of_texts(value) if name == "copy_to" else from_here(value),
            "option",
        )
        for name, value in options.items()
        if value is not None
    ]
    document = Document(None, data={"version": VERSION})
    has_volumes = options.get("source") is not None
    return build(document, given, environ={}, has_volumes=has_volumes).settings


_OPTIONS: Mapping[str, Location] = MappingProxyType(
    {name: flag.location for name, flag in UPLOAD_FLAGS.items() if name != "tag"}
    | {
        "source": (*_VOLUME, "source", "path"),
        "tags": UPLOAD_FLAGS["tag"].location,
        "tuning": ("tuning",),
    }
)


def _place(source: Path | str) -> object:
    """Return a path below the current folder; what is no path, as it is."""
    text = str(source)
    is_path = text and text != STANDARD_INPUT and not is_address(text)
    return from_here(Path(text)) if is_path else text


def _shared_part(document: Document) -> Document:
    return Document(
        document.path,
        {key: value for key, value in document.data.items() if key not in JOB_KEYS},
        {at: line for at, line in document.lines.items() if at[0] not in JOB_KEYS},
        document.problems,
        document.refused,
    )


def regions_of_texts(values: object) -> list[dict[str, str]]:
    """Return the section of each copy that is written as ``REGION`` or ``REGION=KEY_ARN``."""
    sections = []
    for text in values if isinstance(values, Iterable) and not isinstance(values, str) else ():
        region, equals, key = str(text).partition("=")
        sections.append({"region": region} | ({"kms_key_arn": key} if equals else {}))
    return sections


def tags_of_texts(values: object) -> dict[str, str]:
    """Return the tags that are written as ``Key=Value``.

    Raises:
        ConfigError: with every problem found.
    """
    problems: list[Problem] = []
    tags = _tags(values, problems)
    if problems:
        raise ConfigError(tuple(problems))
    return tags


def _tags(values: object, problems: list[Problem]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for number, text in enumerate(values if isinstance(values, Iterable) else (), start=1):
        key, equals, value = str(text).partition("=")
        if not equals:
            problems.append(Problem("--tag", f"expected Key=Value, and number {number} has no `=`"))
        elif key in tags:
            problems.append(Problem("--tag", f"the key {key!r} is given twice"))
        else:
            tags[key] = value
    return tags

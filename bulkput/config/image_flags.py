"""Settings of one image over snapshots that exist, from the flags of ``bulkput image register``.

Owns which flag stands for which key. The snapshots become volumes of a job that uploads nothing.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bulkput.config.document import Document
from bulkput.config.flags import UPLOAD_FLAGS, Flag
from bulkput.config.load import Given, build, from_here
from bulkput.config.settings import VERSION, JobSettings
from bulkput.model.errors import ConfigError, Problem
from bulkput.model.snapshot_id import SNAPSHOT_ID_EXPECTED, is_snapshot_id

_IMAGE = ("images", 0)

IMAGE_FLAGS: Mapping[str, Flag] = MappingProxyType(
    {
        "name": Flag("--name", (*_IMAGE, "name")),
        "family": Flag("--family", (*_IMAGE, "family")),
        "architecture": Flag("--architecture", (*_IMAGE, "architecture")),
        "boot_mode": Flag("--boot-mode", (*_IMAGE, "boot_mode")),
        "contradict_disk": Flag("--contradict-disk", (*_IMAGE, "contradict_disk")),
        "tpm": Flag("--tpm", (*_IMAGE, "tpm")),
        "imds": Flag("--imds", (*_IMAGE, "imds")),
        "uefi_data": Flag("--uefi-data", (*_IMAGE, "uefi_data")),
        "description": Flag("--description", (*_IMAGE, "description")),
        "tag": Flag("--tag", (*_IMAGE, "tags")),
        "replace": Flag("--replace", (*_IMAGE, "replace")),
        "deprecate_after": Flag("--deprecate-after", (*_IMAGE, "deprecate_after")),
        "keep": Flag("--keep", (*_IMAGE, "keep")),
        "share": Flag("--share", (*_IMAGE, "share", "accounts")),
        "public": Flag("--public", (*_IMAGE, "share", "public")),
        "copy_to": Flag("--copy-to", (*_IMAGE, "regions")),
        "ssm_parameter": Flag("--ssm-parameter", (*_IMAGE, "ssm_parameter")),
    }
)
"""By the name of the parameter."""


def image_from_flags(
    snapshot_ids: Sequence[str], flags: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[JobSettings, dict[str, str]]:
    """Return a job of one image, and its snapshots by the names of their volumes.

    Args:
        snapshot_ids: The root disk's first.
        flags: By the names in ``IMAGE_FLAGS``, and those of the service in ``UPLOAD_FLAGS``; None
            is not given. ``tag`` and ``copy_to`` are as they are made of text already.
        environ: The process's environment.

    Raises:
        ConfigError: with every problem found, each by its flag.
    """
    wrong = [each for each in snapshot_ids if not is_snapshot_id(each)]
    if wrong:
        raise ConfigError((Problem("SNAPSHOT", f"expected {SNAPSHOT_ID_EXPECTED}"),))
    named = {f"disk-{number}": each for number, each in enumerate(snapshot_ids, start=1)}
    volumes = [{"name": name, "source": each} for name, each in named.items()]
    document = Document(None, data={"version": VERSION, "volumes": volumes, "images": [{}]})
    known = {**UPLOAD_FLAGS, **IMAGE_FLAGS}
    given = [
        Given(known[name].location, known[name].name, from_here(value), "flag")
        for name, value in flags.items()
        if value is not None
    ]
    return build(document, given, environ=environ).settings, named

"""What a copy takes over from its source: size, description, tags, and that it is encrypted. Pure.

What is configured for the copy wins.
"""

from collections.abc import Mapping

from bulkput.config.snapshot_section import SnapshotSettings
from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.state.snapshot_tag import OWNER_TAG_KEY
from bulkput.model.errors import ConfigError, Problem

_AWS_PREFIX = "aws:"
_TAG_KEY_MAX_CHARS = 127
"""Of StartSnapshot; EC2's own tags have one more."""


def copied_attributes(wanted: SnapshotSettings, source: SnapshotState) -> SnapshotSettings:
    """Return the attributes of the copy.

    An encrypted snapshot is copied to an encrypted one, as EC2 does it, unless ``wanted`` asks
    for another: leaving a flag out decrypts nothing.

    Raises:
        ConfigError: the volume would be smaller than the source's.
    """
    size_gib = wanted.volume_size_gib or source.volume_size_gib
    if size_gib < source.volume_size_gib:
        what = f"the snapshot has {source.volume_size_gib} GiB, the copy would have {size_gib}"
        raise ConfigError((Problem("--volume-size-gib", what),))
    encrypted = wanted.encrypted
    if encrypted is None and wanted.kms_key_arn is None and source.encrypted:
        encrypted = True
    return wanted.model_copy(
        update={
            "volume_size_gib": size_gib,
            "description": wanted.description or source.description or None,
            "tags": {**_tags(source.tags), **wanted.tags},
            "encrypted": encrypted,
        }
    )


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that the copy may have: not the owner tag, which names another ledger."""
    return {
        key: value
        for key, value in tags.items()
        if not key.lower().startswith(_AWS_PREFIX)
        and key != OWNER_TAG_KEY
        and len(key) <= _TAG_KEY_MAX_CHARS
    }

"""Texts of a certain form that several sections take: names, tags, ids, keys."""

from typing import Annotated

from pydantic import Field

from bulkput.config.naming import LETTERS
from bulkput.config.text import Text
from bulkput.model.snapshot_id import (
    SNAPSHOT_ID_EXPECTED,
    SNAPSHOT_ID_MAX_CHARS,
    SNAPSHOT_ID_PATTERN,
)

Name = Annotated[
    str,
    Text(
        "a name of letters, digits, `.`, `_` and `-`, at most 100",
        f"^[{LETTERS}][{LETTERS}.-]*$",
        length_max=100,
    ),
]
"""A name of a volume or job, in any script: safe in a file name, in a log line and in a shell."""

# Limits of StartSnapshot (service model 2019-11-02) from here on.
_NOT_AWS = r"^([^aA]|[aA]([^wW]|$)|[aA][wW]([^sS]|$)|[aA][wW][sS]([^:]|$))"
TAG_KEY_TEXT = Text(
    "a tag key of 1 to 127 characters without the prefix aws:", _NOT_AWS, length_max=127
)
TagKey = Annotated[str, TAG_KEY_TEXT]
TagValue = Annotated[str, Text("text of at most 255 characters", "", length_max=255, length_min=0)]
Tags = Annotated[dict[TagKey, TagValue], Field(max_length=50)]
Description = Annotated[str, Text("text of 1 to 255 characters", "", length_max=255)]
KmsKeyArn = Annotated[
    str,
    Text(
        "a key's ARN such as arn:aws:kms:eu-central-1:111122223333:key/1234abcd-...",
        r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$",
        length_max=2048,
    ),
]
SnapshotId = Annotated[
    str, Text(SNAPSHOT_ID_EXPECTED, SNAPSHOT_ID_PATTERN, length_max=SNAPSHOT_ID_MAX_CHARS)
]
# The service takes 255 characters; 15 are left for the number of the attempt.
ClientToken = Annotated[
    str,
    Text("1 to 240 printable ASCII characters without spaces", r"^[!-~]+$", length_max=240),
]

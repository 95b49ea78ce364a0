"""The section `fleet` of a job, and a volume's `placement`: which hosts work, and on what."""

from typing import Annotated

from pydantic import Field

from bulkput.config.section import Section
from bulkput.config.text import Text

_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"

HOST_NAME_TEXT = Text(
    "a host's name of letters, digits, `.`, `_` and `-`, at most 63", _PATTERN, length_max=63
)
HostName = Annotated[str, HOST_NAME_TEXT]

# Both as Ray takes labels of nodes; the prefix of its own is left to it.
LABEL_KEY_TEXT = Text(
    "a label of letters, digits, `.`, `_` and `-`, at most 63", _PATTERN, length_max=63
)
LABEL_VALUE_TEXT = Text(
    "a label's value of letters, digits, `.`, `_` and `-`, at most 63",
    _PATTERN,
    length_max=63,
)
LabelKey = Annotated[str, LABEL_KEY_TEXT]
LabelValue = Annotated[str, LABEL_VALUE_TEXT]

LOCAL = "local"
_PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_HEAD = rf"[^\s/:]+:{_PORT}"
_LENGTH_MAX = 255

HEAD_TEXT = Text("HOST:PORT of a cluster's head", f"^{_HEAD}$", length_max=_LENGTH_MAX)
CLUSTER_TEXT = Text(
    "auto, HOST:PORT of a cluster's head, or ray://HOST:PORT",
    f"^(auto|(ray://)?{_HEAD})$",
    length_max=_LENGTH_MAX,
)
"""One that is there."""
ADDRESS_TEXT = Text(
    "auto, local, HOST:PORT of a cluster's head, or ray://HOST:PORT",
    f"^(auto|{LOCAL}|(ray://)?{_HEAD})$",
    length_max=_LENGTH_MAX,
)
Address = Annotated[str, ADDRESS_TEXT]

Times = Annotated[int, Field(ge=0, le=100)]


class RetrySettings(Section, defer_build=False):
    """How often a volume is tried again, by the exit code of the attempt that failed.

    An end that has no key is final: the same would happen again.
    """

    # 10: with waits of 5 s that double up to 5 min these take 25 min, which most outages do not.
    temporary: Times = Field(
        default=10,
        description="Further attempts after exit code 5: something that may pass.",
    )
    quota: Times = Field(
        default=10,
        description="Further attempts after exit code 9: a quota of the account.",
    )
    # On another host, if there is one; three bad hosts in a row are no chance.
    machine: Times = Field(
        default=3,
        description="Further attempts after exit code 10: something on the host.",
    )
    unexpected: Times = Field(
        default=1,
        description="Further attempts after exit code 1: a bug of the program.",
    )
    # A volume that kills its process does so each time, and takes the host's memory along.
    killed: Times = Field(
        default=2,
        description="Further attempts after the process was ended by a signal, such as by the "
        "kernel where memory is short.",
    )
    lost: Times = Field(
        default=3,
        description="Further attempts after the host was lost.",
    )


class FleetSettings(Section, defer_build=False):
    """How `bulkput fleet run` spreads the job's volumes; `bulkput run` does not look at it."""

    address: Address = Field(
        default="auto",
        description="The Ray cluster: `auto` is the one that this machine belongs to, `local` "
        "starts one on this machine for the run, `HOST:PORT` is the head of another, and "
        "`ray://HOST:PORT` a cluster that this machine does not belong to.",
    )
    # Each needs some 150 MiB, and one snapshot alone takes the quota of most accounts.
    volumes_per_host: Annotated[int, Field(ge=1, le=100)] = Field(
        default=4,
        description="How many volumes are uploaded at the same time by one host.",
    )
    retries: RetrySettings = Field(
        default_factory=RetrySettings,
        description="How often a volume is tried again.",
    )


class PlacementSettings(Section, defer_build=False):
    """Where a volume may be uploaded; without any key: on every host."""

    host: HostName | None = Field(
        default=None,
        description="The one host that has the source, by its name in `bulkput fleet status`.",
    )
    labels: dict[LabelKey, LabelValue] = Field(
        default_factory=dict,
        json_schema_extra=LABEL_KEY_TEXT.of_keys(),
        description="Labels that a host must have, all of them, as `bulkput fleet host --label` "
        "gives them.",
    )

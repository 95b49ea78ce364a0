"""How remote objects may be reached, as configured."""

from typing import NamedTuple


class Access(NamedTuple):
    """Of S3 the Region and profile; of both ways whether they may be unencrypted."""

    region: str | None = None
    profile: str | None = None
    allow_insecure_http: bool = False

"""How remote objects may be reached, as configured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Access:
    """Of S3 the Region and profile; of both ways whether they may be unencrypted."""

    region: str | None = None
    profile: str | None = None
    allow_insecure_http: bool = False

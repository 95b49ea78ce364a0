"""The address of a state store, taken apart. Pure."""

from typing import NamedTuple


class StoreAddress(NamedTuple):
    """A bucket and a prefix in it."""

    bucket: str
    prefix: str
    """Empty, or without a slash at either end."""

    @property
    def shown(self) -> str:
        """As it is written."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def takes_host_name(self) -> bool:
        """Whether AWS's certificates fit a host name that begins with the bucket's."""
        return "." not in self.bucket and "_" not in self.bucket and self.bucket.islower()


def store_address(text: str) -> StoreAddress:
    """Return the parts of ``s3://bucket/prefix``, which the configuration has checked."""
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    return StoreAddress(bucket, prefix.rstrip("/"))

"""What an object store must do for the state that is kept in it: small, whole, conditional writes.

Owns the contract and no protocol. S3 keeps it: a read sees the last write that was acknowledged
(strong consistency since 2020), and a write with ``If-None-Match`` or ``If-Match`` is refused if
the object is there or is another one ("Add preconditions to S3 operations with conditional
requests", Amazon S3 User Guide).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

ABSENT = ""
"""As ``if_match``: only if there is no such object."""


class ConditionFailedError(Exception):
    """A conditional write found something else: nothing was written by this attempt."""


@dataclass(frozen=True)
class StoredObject:
    """One object as it was read."""

    content: bytes
    etag: str
    """What a conditional write names it by."""
    age_s: float | None
    """Since it was written, by the store's own clock alone; None where that does not say."""


class ListedObject(NamedTuple):
    """One object in a list."""

    key: str
    size_bytes: int
    age_s: float | None
    """As ``StoredObject.age_s``."""


class ObjectStore(Protocol):
    """Objects below one prefix; keys are relative to it. Each call is one attempt."""

    @property
    def shown(self) -> str:
        """The address, as ``s3://bucket/prefix``, for messages."""
        ...

    async def get(self, key: str, *, size_max_bytes: int) -> StoredObject | None:
        """Return an object; None if there is none.

        Raises:
            BulkputError: it could not be read, or is longer than ``size_max_bytes``.
        """
        ...

    async def get_part(
        self, key: str, start: int, stop: int, etag: str | None
    ) -> StoredObject | None:
        """Return some bytes of an object, fewer at its end and none behind; None if it is gone.

        Args:
            key: Of the object.
            start: First byte.
            stop: One past the last byte.
            etag: Only if it still has this one; None for any.

        Raises:
            BulkputError: it could not be read, or is another one by now.
        """
        ...

    async def put(
        self,
        key: str,
        content: memoryview,
        *,
        if_match: str | None = None,
        digest: bytes | None = None,
    ) -> str:
        """Write an object as a whole, and return its ETag.

        Args:
            key: Of the object.
            content: Its bytes, which must not change meanwhile.
            if_match: Only in the place of the object with this ETag, or ``ABSENT``.
            digest: SHA-256 of ``content``, where it is known; else it is computed here.

        Raises:
            ConditionFailedError: the condition does not hold.
            BulkputError: it could not be written, as far as this side knows.
        """
        ...

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error.

        Raises:
            BulkputError: it could not be removed, as far as this side knows.
        """
        ...

    def list_objects(self, prefix: str) -> AsyncIterator[ListedObject]:
        """Iterate over all objects whose keys begin with ``prefix``, ascending.

        Raises:
            BulkputError: the list could not be read.
        """
        ...

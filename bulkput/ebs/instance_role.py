"""Keys of the instance's role, and its Region, read from its metadata without botocore.

botocore's chain takes 0.1 CPU seconds to load, and on an instance with a role it ends here. Keys
are renewed by botocore's rules: tried from 15 minutes before their end on, and a service that can
only give old ones again is asked anew some minutes later (AWS's "static stability").
"""

import json
import random
import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from bulkput.ebs.metadata_service import MetadataError, MetadataService

_ROLE_PATH = "latest/meta-data/iam/security-credentials/"
_ZONE_PATH = "latest/meta-data/placement/availability-zone/"
_REGION_PATH = "latest/meta-data/placement/region"

_REGION = re.compile(r"[a-z]+(?:-[a-z]+)+-[0-9]+")
_ZONE = re.compile(rf"({_REGION.pattern})[a-z]")
"""A Region and a letter; local and wavelength zones (us-west-2-lax-1a) have more between."""

REFRESH_BEFORE_S = 15 * 60
"""botocore's advisory refresh."""

_JITTER_S = (120, 600)
"""botocore's: so that the instances of a fleet do not all ask again at once."""


class RoleKeys(NamedTuple):
    """One set, in the form of botocore's frozen credentials."""

    access_key: str
    secret_key: str
    token: str


class InstanceRole:
    """The role's keys, renewed before they end; in the form of botocore's providers."""

    method = "iam-role"

    def __init__(
        self,
        service: MetadataService,
        unix_s: Callable[[], float] = time.time,
        jitter_s: Callable[[int, int], float] = random.randint,
    ) -> None:
        """Read nothing yet."""
        self._service = service
        self._unix_s = unix_s
        self._jitter_s = jitter_s
        self._keys: RoleKeys | None = None
        self._end_s = 0.0

    def refresh_needed(self, margin_s: float = REFRESH_BEFORE_S) -> bool:
        """Return whether the keys end within ``margin_s``."""
        return self._keys is None or self._end_s - self._unix_s() < margin_s

    async def get_frozen_credentials(self) -> RoleKeys:
        """Return the keys, read anew if they end soon.

        Raises:
            MetadataError: they cannot be read; earlier ones stay.
        """
        if self._keys is None or self.refresh_needed():
            self._keys, self._end_s = await self._read()
        return self._keys

    async def _read(self) -> tuple[RoleKeys, float]:
        token = await self._service.token()
        role = await self._service.get(_ROLE_PATH, token)
        if not (role.isascii() and role.isprintable()) or set(role) & set("/?#% "):
            raise MetadataError("the role's name is none")
        keys, end_s = _parsed(await self._service.get(_ROLE_PATH + role, token))
        now_s = self._unix_s()
        extension_s = REFRESH_BEFORE_S + self._jitter_s(*_JITTER_S)
        return keys, now_s + extension_s if now_s >= end_s - extension_s else end_s


async def instance_region(service: MetadataService) -> str:
    """Return the Region that the instance is in, of a local zone its parent's.

    Raises:
        MetadataError: the service did not answer as documented.
    """
    token = await service.token()
    zone = await service.get(_ZONE_PATH, token)
    if (plain := _ZONE.fullmatch(zone)) is not None:
        return plain[1]
    region = await service.get(_REGION_PATH, token)
    if not (_REGION.fullmatch(region) and zone.startswith(f"{region}-")):
        raise MetadataError("a zone that is not in its Region")
    return region


def _parsed(text: str) -> tuple[RoleKeys, float]:
    """Return keys and the Unix time at which they end.

    Raises:
        MetadataError: it is not the documented answer, as where EC2 may not assume the role.
    """
    try:
        answer: Any = json.loads(text)
        given = (answer["AccessKeyId"], answer["SecretAccessKey"], answer["Token"])
        end = datetime.fromisoformat(answer["Expiration"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        # Of the answer nothing is shown: it may be half of the keys.
        raise MetadataError("it gives no keys in the documented form") from error
    is_documented = answer.get("Code") == "Success" and end.tzinfo is not None
    if not is_documented or not all(isinstance(each, str) and each for each in given):
        raise MetadataError("it gives no keys in the documented form")
    return RoleKeys(*given), end.timestamp()

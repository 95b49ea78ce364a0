"""Signs what aiobotocore sends with the project's own signer.

So that both planes share credentials, clock and care for secrets: aiobotocore's clients are made
unsigned, hold no keys, and each request is signed by an event handler just before it leaves.
"""

import hashlib
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bulkput.ebs.credentials import CredentialSource
from bulkput.ebs.signer import Signer
from bulkput.model.clock import Clock

_SIGNED = frozenset({"content-type"})
_SIGNED_PREFIX = "x-amz-"
"""What a proxy on the way must not change; Host and the date are signed anyway."""


class ControlSigner:
    """Signs the requests of one client."""

    def __init__(
        self, service: str, *, region: str, credentials: CredentialSource, clock: Clock
    ) -> None:
        """Keep what is needed.

        Args:
            service: The signing name, as ``ebs``, ``ec2`` or ``servicequotas``.
            region: The Region whose keys are derived.
            credentials: Asked again for every request.
            clock: For the date.
        """
        self._credentials = credentials
        self._clock = clock
        self.signer = Signer(region, service, "")

    def attach(self, client: Any) -> None:
        """Sign every request of ``client`` from now on."""
        events_name = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register(f"before-sign.{events_name}", self._sign)

    async def _sign(self, request: Any, **_: Any) -> None:
        parts = urlsplit(request.url)
        self.signer.host = parts.netloc.lower()
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() in _SIGNED or name.lower().startswith(_SIGNED_PREFIX)
        }
        body = request.body or b""
        signed = self.signer.sign(
            await self._credentials.current(),
            self._clock.unix_s(),
            request.method,
            parts.path or "/",
            query=parse_qsl(parts.query, keep_blank_values=True),
            headers=headers,
            payload_hash=hashlib.sha256(body).hexdigest(),
        )
        for name, value in signed.items():
            del request.headers[name]
            request.headers[name] = value

"""AWS Signature Version 4, with everything that repeats made ready once.

Owns the arithmetic of signatures and the correction of a wrong clock. Knows no HTTP client and
no credential chain; time is handed in. botocore's signer takes several times the CPU, and is what
this one is checked against.
"""

import hashlib
import hmac
import time
from base64 import b64encode
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from bulkput.ebs.credentials import Credentials
from bulkput.model.block import BLOCK_SIZE_BYTES

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
"""The service model marks PutSnapshotBlock v4-unsigned-body: the checksum among the signed headers
covers the body. botocore signs the body's hash too over plain http, which AWS does not offer; there
a body that changed on the way would then look like wrong credentials."""

EMPTY_SHA256_HEX = hashlib.sha256(b"").hexdigest()

_ALGORITHM = "AWS4-HMAC-SHA256"
_TERMINATOR = "aws4_request"
_UNRESERVED = "-_.~"

_PUT_HEADERS = (
    "host;x-amz-checksum;x-amz-checksum-algorithm;x-amz-content-sha256;x-amz-data-length;x-amz-date"
)
_SESSION_HEADER = ";x-amz-security-token"


class Signer:
    """Signs requests of one service in one Region for one host.

    Not thread-safe; a signature costs one SHA-256 and one HMAC over a few hundred bytes.
    """

    def __init__(self, region: str, service: str, host: str) -> None:
        """Make ready what never changes.

        Args:
            region: The Region whose keys are derived.
            service: The signing name, as ``ebs``.
            host: The Host header, with the port where it is not the scheme's own.
        """
        self.region = region
        self.service = service
        self.host = host
        self.clock_offset_s = 0.0
        """Added to the local time: what the service's clock is ahead of ours."""
        self._credentials: Credentials | None = None
        self._second = -1
        self._day = ""
        self._amz_date = ""
        self._scope = ""
        self._key = b""
        self._put_canonical_end = ""
        self._put_lines = ""
        self._authorization = ""

    def sign_put(
        self, credentials: Credentials, unix_s: float, path: str, digest: bytes
    ) -> tuple[str, str]:
        """Sign a PutSnapshotBlock, whose body is covered by the signed checksum.

        Args:
            credentials: Whose signature.
            unix_s: The local time.
            path: The request's path; plain characters only, as snapshot ids and indexes are.
            digest: Raw SHA-256 of the block.

        Returns:
            The checksum in base64, and the header lines as they are sent, each with its CRLF:
            all but Host and Content-Length.
        """
        self._prepare(credentials, unix_s)
        checksum = b64encode(digest).decode()
        # The canonical request: headers in ascending order, all but two known in advance.
        canonical = (
            f"PUT\n{path}\n\nhost:{self.host}\nx-amz-checksum:{checksum}\n{self._put_canonical_end}"
        )
        return checksum, (
            f"x-amz-Checksum: {checksum}\r\n{self._put_lines}{self._signature(canonical)}\r\n"
        )

    def sign(
        self,
        credentials: Credentials,
        unix_s: float,
        method: str,
        path: str,
        *,
        query: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        payload_hash: str = EMPTY_SHA256_HEX,
    ) -> dict[str, str]:
        """Return ``headers`` with date, token and Authorization added; all of them are signed.

        Args:
            credentials: Whose signature.
            unix_s: The local time.
            method: As ``GET``.
            path: As it stands in the request line, percent-encoded.
            query: Names and values, not yet encoded; send them with ``encode_query``.
            headers: What the request carries besides Host.
            payload_hash: SHA-256 of the body in hex, or ``UNSIGNED_PAYLOAD``.
        """
        self._prepare(credentials, unix_s)
        result = dict(headers or {})
        result["X-Amz-Date"] = self._amz_date
        if credentials.session_token:
            result["X-Amz-Security-Token"] = credentials.session_token
        signed = {name.lower(): " ".join(value.split()) for name, value in result.items()}
        signed["host"] = self.host
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = (
            f"{method}\n{quote(normalize_path(path), safe='/~')}\n{encode_query(query)}\n"
            f"{lines}\n{names}\n{payload_hash}"
        )
        result["Authorization"] = (
            f"{self._authorization}{names}, Signature={self._signature(canonical)}"
        )
        return result

    def presign(
        self,
        credentials: Credentials,
        unix_s: float,
        path: str,
        query: Iterable[tuple[str, str]],
        expires_s: int,
    ) -> str:
        """Return the query with which anybody may GET ``path`` for ``expires_s``.

        Args:
            credentials: Whose signature.
            unix_s: The local time.
            path: As it stands in the request line, percent-encoded.
            query: Names and values, not yet encoded.
            expires_s: From ``unix_s`` on.
        """
        self._prepare(credentials, unix_s)
        token = credentials.session_token
        asked = encode_query(
            [
                *query,
                ("X-Amz-Algorithm", _ALGORITHM),
                ("X-Amz-Credential", f"{credentials.access_key}/{self._scope}"),
                ("X-Amz-Date", self._amz_date),
                ("X-Amz-Expires", str(expires_s)),
                ("X-Amz-SignedHeaders", "host"),
                *([("X-Amz-Security-Token", token)] if token else []),
            ]
        )
        canonical = f"GET\n{path}\n{asked}\nhost:{self.host}\n\nhost\n{EMPTY_SHA256_HEX}"
        return f"{asked}&X-Amz-Signature={self._signature(canonical)}"

    def _prepare(self, credentials: Credentials, unix_s: float) -> None:
        second = int(unix_s + self.clock_offset_s)
        if second == self._second and credentials is self._credentials:
            return
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        if date[:8] != self._day or credentials is not self._credentials:
            self._day = date[:8]
            key = f"AWS4{credentials.secret_key}".encode()
            for part in (self._day, self.region, self.service, _TERMINATOR):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = key
            self._scope = f"{self._day}/{self.region}/{self.service}/{_TERMINATOR}"
            self._credentials = credentials
        self._second = second
        self._amz_date = date
        self._authorization = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{self._scope}, SignedHeaders="
        )
        token = credentials.session_token
        names = _PUT_HEADERS
        token_canonical = token_line = ""
        if token:
            names += _SESSION_HEADER
            token_canonical = f"x-amz-security-token:{' '.join(token.split())}\n"
            token_line = f"X-Amz-Security-Token: {token}\r\n"
        self._put_canonical_end = (
            f"x-amz-checksum-algorithm:SHA256\nx-amz-content-sha256:{UNSIGNED_PAYLOAD}\n"
            f"x-amz-data-length:{BLOCK_SIZE_BYTES}\nx-amz-date:{date}\n{token_canonical}\n"
            f"{names}\n{UNSIGNED_PAYLOAD}"
        )
        self._put_lines = (
            f"x-amz-Checksum-Algorithm: SHA256\r\nx-amz-Data-Length: {BLOCK_SIZE_BYTES}\r\n"
            f"X-Amz-Content-SHA256: {UNSIGNED_PAYLOAD}\r\nX-Amz-Date: {date}\r\n{token_line}"
            f"Authorization: {self._authorization}{names}, Signature="
        )

    def _signature(self, canonical: str) -> str:
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"{_ALGORITHM}\n{self._amz_date}\n{self._scope}\n{digest}"
        return hmac.digest(self._key, text.encode(), "sha256").hex()

    def __repr__(self) -> str:
        return f"Signer(region={self.region!r}, service={self.service!r}, host={self.host!r})"


def encode_query(query: Iterable[tuple[str, str]]) -> str:
    """Return the query string in the one form that is both sent and signed: encoded, sorted."""
    pairs = sorted(
        (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED)) for name, value in query
    )
    return "&".join(f"{name}={value}" for name, value in pairs)


def normalize_path(path: str) -> str:
    """Return ``path`` without empty, ``.`` and ``..`` segments, as SigV4 (but S3's) wants it."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in {"", "."}:
            kept.append(segment)
    if not kept:
        return "/"
    head = "/" if path.startswith("/") else ""
    tail = "/" if path.endswith("/") else ""
    return head + "/".join(kept) + tail

"""Signature Version 4, header form, as the server checks it: written from AWS's description.

Owns the canonical request, the derived key and what is wrong with a signature. Shares no line
with any client's signer. Knows nothing of which service answers in which form.
"""

import functools
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from bulkput.emulator.call import Call

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
CLOCK_SKEW_MAX_S = 300
"""AWS accepts signatures up to five minutes old or early."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<day>[0-9]{8})/(?P<region>[^/,\s]+)"
    r"/(?P<service>[^/,\s]+)/aws4_request\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)"
    r"\s*,\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_STAMP = "%Y%m%dT%H%M%SZ"
_UNSIGNED_ALLOWED = frozenset(
    {
        "x-amz-checksum",
        "x-amz-checksum-algorithm",
        "x-amz-data-length",
        "x-amz-user-agent",
    }
)
"""What the service takes unsigned: what the body is checked against, and a name that some SDKs add
after signing."""
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)
_UNKNOWN_TOKEN = "The security token included in the request is invalid."  # noqa: S105 - a message


class SignatureError(Exception):
    """What is wrong with a request's signature: a code of the direct API, and its message."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


@dataclass(frozen=True)
class Verifier:
    """Checks signatures against one pair of credentials."""

    access_key: str
    secret_key: str
    session_token: str | None
    region: str | None
    """The only region to accept, or None for any."""

    def __repr__(self) -> str:
        return f"Verifier(access_key={self.access_key!r})"

    def verify(self, call: Call, service: str, body_sha256_hex: str, now_unix_s: float) -> str:
        """Check everything about the signature and return the region that it names.

        Args:
            call: the request.
            service: signing name that the endpoint expects.
            body_sha256_hex: of the body that arrived.
            now_unix_s: the server's time.

        Raises:
            SignatureError: it does not hold.
        """
        headers = call.headers
        authorization = headers.get("Authorization")
        if authorization is None:
            raise SignatureError(
                "MissingAuthenticationTokenException", "Missing Authentication Token"
            )
        parts = _AUTHORIZATION.fullmatch(authorization.strip())
        signed_at = headers.get("X-Amz-Date", "")
        if parts is None or not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", signed_at):
            raise SignatureError(
                "IncompleteSignatureException",
                "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' "
                "parameters, and existence of an 'X-Amz-Date' header.",
            )
        token = headers.get("X-Amz-Security-Token")
        if parts["key"] != self.access_key or token != self.session_token:
            raise SignatureError("UnrecognizedClientException", _UNKNOWN_TOKEN)
        self._check_scope(parts.groupdict(), signed_at, service)
        check_clock(signed_at, now_unix_s)
        signed_names = parts["headers"].split(";")
        _check_signed(headers, signed_names)

        claimed = headers.get("X-Amz-Content-SHA256")
        if claimed not in (None, UNSIGNED, body_sha256_hex):
            raise SignatureError("InvalidSignatureException", _MISMATCH)
        request = canonical_request(call, signed_names, claimed or body_sha256_hex)
        scope = f"{parts['day']}/{parts['region']}/{service}/aws4_request"
        digest = hashlib.sha256(_bytes(request)).hexdigest()
        text = f"{ALGORITHM}\n{signed_at}\n{scope}\n{digest}"
        key = _signing_key(self.secret_key, parts["day"], parts["region"], service)
        expected = hmac.new(key, _bytes(text), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, parts["signature"]):
            raise SignatureError("InvalidSignatureException", _MISMATCH)
        return parts["region"]

    def _check_scope(self, parts: Mapping[str, str], signed_at: str, service: str) -> None:
        problem = None
        if parts["day"] != signed_at[:8]:
            problem = (
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                f"from HTTP: '{parts['day']}' != '{signed_at[:8]}', from '{signed_at}'."
            )
        elif self.region is not None and parts["region"] != self.region:
            problem = "Credential should be scoped to a valid region. "
        elif parts["service"] != service:
            problem = f"Credential should be scoped to correct service: '{service}'. "
        if problem is not None:
            raise SignatureError("InvalidSignatureException", problem)


def named_region(headers: Mapping[str, str]) -> str | None:
    """Return the Region that a signature names, unchecked; None where there is none."""
    parts = _AUTHORIZATION.fullmatch(headers.get("Authorization", "").strip())
    return None if parts is None else parts["region"]


def canonical_request(call: Call, signed_names: list[str], payload_hash: str) -> str:
    """Return the text whose hash is signed."""
    lines = [f"{name}:{' '.join(_values(call.headers, name).split())}\n" for name in signed_names]
    return "\n".join(
        (
            call.method,
            _canonical_path(call.raw_path),
            _canonical_query(call.raw_query),
            "".join(lines),
            ";".join(signed_names),
            payload_hash,
        )
    )


def _canonical_path(raw_path: str) -> str:
    """Return the path as sent, dots resolved, encoded a second time: all services but S3."""
    kept: list[str] = []
    for part in raw_path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    tail = "/" if kept and raw_path.endswith("/") else ""
    return quote("/" + "/".join(kept) + tail, safe="/-_.~", errors="surrogateescape")


def _canonical_query(raw_query: str) -> str:
    if not raw_query:
        return ""
    pairs = []
    for item in raw_query.split("&"):
        name, _, value = item.partition("=")
        pairs.append((_requoted(name), _requoted(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _requoted(text: str) -> str:
    raw = unquote(text, errors="surrogateescape")
    return quote(raw, safe="-_.~", errors="surrogateescape")


def _bytes(text: str) -> bytes:
    """Return what came off the wire as the text."""
    return text.encode("utf-8", "surrogateescape")


def _values(headers: Mapping[str, str], name: str) -> str:
    """Return a header's value, several joined by commas; a missing one counts as empty."""
    get_all = getattr(headers, "getall", None)
    if get_all is None:
        return headers.get(name, "")
    return ",".join(get_all(name, []))


def _check_signed(headers: Mapping[str, str], signed_names: list[str]) -> None:
    """Refuse a request that leaves the host or one of its x-amz- headers open to change."""
    if "host" not in signed_names:
        message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        raise SignatureError("InvalidSignatureException", message)
    for name in headers:
        lower = name.lower()
        if (
            lower.startswith("x-amz-")
            and lower not in signed_names
            and lower not in _UNSIGNED_ALLOWED
        ):
            message = f"'{lower}' must be a 'SignedHeader' in the AWS Authorization."
            raise SignatureError("InvalidSignatureException", message)


def check_clock(signed_at: str, now_unix_s: float) -> None:
    """Refuse a signature more than five minutes old or early.

    Raises:
        SignatureError: in AWS's words.
    """
    signed_unix_s = _unix_s(signed_at)
    if signed_unix_s < now_unix_s - CLOCK_SKEW_MAX_S:
        edge = stamp(now_unix_s - CLOCK_SKEW_MAX_S)
        message = (
            f"Signature expired: {signed_at} is now earlier than {edge} "
            f"({stamp(now_unix_s)} - 5 min.)"
        )
        raise SignatureError("InvalidSignatureException", message)
    if signed_unix_s > now_unix_s + CLOCK_SKEW_MAX_S:
        edge = stamp(now_unix_s + CLOCK_SKEW_MAX_S)
        message = (
            f"Signature not yet current: {signed_at} is still later than {edge} "
            f"({stamp(now_unix_s)} + 5 min.)"
        )
        raise SignatureError("InvalidSignatureException", message)


@functools.lru_cache(maxsize=64)
def _unix_s(signed_at: str) -> float:
    """Return the time that an X-Amz-Date means; thousands of puts share one."""
    try:
        return datetime.strptime(signed_at, _STAMP).replace(tzinfo=UTC).timestamp()
    except ValueError:
        message = f"Date must be in ISO-8601 'basic format'. Got '{signed_at}'."
        raise SignatureError("IncompleteSignatureException", message) from None


def stamp(unix_s: float) -> str:
    """Return a time as X-Amz-Date has it."""
    return datetime.fromtimestamp(unix_s, UTC).strftime(_STAMP)


_keys: dict[tuple[str, str, str, str], bytes] = {}
_KEYS_MAX = 64


def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """Return the derived key; it changes once a day, so it is kept."""
    wanted = (secret, day, region, service)
    key = _keys.get(wanted)
    if key is None:
        key = f"AWS4{secret}".encode()
        for part in (day, region, service, "aws4_request"):
            key = hmac.new(key, _bytes(part), hashlib.sha256).digest()
        if len(_keys) >= _KEYS_MAX:
            _keys.clear()
        _keys[wanted] = key
    return key

"""What may reach a person's terminal or log: no control characters, no secrets.

Owns both rules for every text of others (paths, tags, messages of the service). Knows nothing of
where the text goes. The secrets of shared files never come this far; those of the environment and
signatures are masked here as a second wall.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

_SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
"""In either case; what stands before an @ in one is a user and password, with a scheme or none."""
_SECRET_LENGTH_MIN = 8
"""Shorter values are words that would be masked everywhere; AWS's secrets have 40 or more."""

_SIGNATURES = re.compile(
    r"(?i)((?:signature|security-token|secret_?(?:access_?)?key|session_?token)"
    r"[\"']?\s*[=:]\s*[\"']?)[A-Za-z0-9/+=_%-]{8,}"
)
_ADDRESSES = re.compile(r"(?i)\b(?:https?|ftp):/{1,2}[^\s'\"]+")
"""Their queries may be signatures: whoever has all of one may read the disk. Each is matched to its
end, so that a text without end of them takes no longer than its length. With one slash where one
was taken for a path."""
_USERS = re.compile(r"(?i)\b((?:https?|ftp):/{1,2})[^\s/@'\"]+@")
"""Of an address, a proxy's too: user and password."""
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""C0 without the line feed, DEL, C1, what reverses the direction of writing, and surrogates, which
stand for bytes of a path that are no UTF-8 and which no stream takes."""


def plain(text: str) -> str:
    """Return ``text`` with control characters written out, so that it cannot steer a terminal."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    """Return ``text`` plain and on one line."""
    return " ".join(plain(text).split("\n"))


def masked(text: str, environment: Mapping[str, str]) -> str:
    """Return ``text`` with signatures, tokens, secret keys and proxies' passwords as ``****``."""
    for secret in _secrets(environment):
        if len(secret) >= _SECRET_LENGTH_MIN:
            text = text.replace(secret, "****")
    text = _USERS.sub(r"\1****@", text)
    return _ADDRESSES.sub(_without_query, _SIGNATURES.sub(r"\1****", text))


def _without_query(address: re.Match[str]) -> str:
    before, _, query = address[0].partition("?")
    return f"{before}?****" if query else address[0]


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the environment's secrets in every form in which they are sent or shown."""
    for name in _SECRET_VARIABLES:
        yield environment.get(name, "")
    for lower in _PROXY_VARIABLES:
        for name in (lower, lower.upper()):
            user, at, _ = environment.get(name, "").rpartition("@")
            if at:
                user = user.rpartition("://")[2]
                plain_user = unquote(user)
                yield from (user, plain_user, base64.b64encode(plain_user.encode()).decode())
                yield from (each.partition(":")[2] for each in (user, plain_user))

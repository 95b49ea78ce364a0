"""Why Ray does not connect to a head that has been reached, by its words. Pure."""

import re
from collections.abc import Sequence

_VERSIONS = re.compile(r"Ray: (\S+)\s+Python: (\S+)")
NOT_ADMITTED = (
    "its head refuses this machine: RAY_AUTH_TOKEN, or the file that RAY_AUTH_TOKEN_PATH names, "
    "must hold the cluster's secret"
)
NO_HEAD = "what listens there hangs, or is no head of a Ray cluster"


_NO_PROCESS = ("Starting Ray client server failed", "Proxy failed to Connect to backend")
"""The server of Ray's clients forks beside threads of its own: of three first connections to a new
head one fails so, after 41 s, and the next one is taken."""


def is_passing(words: str) -> bool:
    """Return whether the same connection may be taken at once, by Ray's error."""
    return any(each in words for each in _NO_PROCESS)


def refusal(words: str, lines: Sequence[str] = ()) -> str:
    """Return in a sentence why Ray does not connect to a head that has been reached.

    Args:
        words: Of its error.
        lines: What it wrote before.
    """
    versions = _VERSIONS.findall(words)
    if len(versions) > 1:
        (theirs, on), (ours, here) = versions[:2]
        return (
            f"it has Ray {theirs} on Python {on}, and this machine Ray {ours} on Python {here}: "
            "both must be the same on all"
        )
    if any("uthenticat" in each for each in (words, *lines)):
        return NOT_ADMITTED
    if "No node info found" in words:
        return (
            "this machine is no host of it: bulkput fleet host makes it one, and ray://HOST:10001 "
            "is for machines that are none"
        )
    if "Failed to connect to Ray cluster" in words or "waiting for GCS" in words:
        return NO_HEAD
    if "client connection timeout" in words:
        return (
            "what listens there hangs, serves no Ray clients, or refuses this machine, because "
            "RAY_AUTH_TOKEN, or the file that RAY_AUTH_TOKEN_PATH names, holds another secret"
        )
    if is_passing(words):
        return (
            "its head starts no process for a Ray client: ray_client_server.err in Ray's folder "
            "there has more"
        )
    first, _, more = words.strip().partition("\n")
    reason = more.rpartition("\n")[2] if first.endswith(":") else ""
    return f"{first} {reason.strip()}".strip()

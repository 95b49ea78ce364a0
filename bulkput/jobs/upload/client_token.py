"""StartSnapshot's client token: the same for a repeat, another for each attempt."""

import hashlib
from collections.abc import Iterable


def client_token(given: str | None, key: Iterable[str], nonce: str, attempt: int) -> str:
    """Return the token of an attempt.

    The service hands out the first answer again for a token that it knows, even when that snapshot
    was deleted since: so each attempt has another one.

    Args:
        given: The user's own, which the first attempt has as it is.
        key: What distinguishes this upload from others (``upload_key``).
        nonce: Of the ledger, so that a ledger that is lost is not followed by its old snapshot.
        attempt: From 1.
    """
    if given is not None:
        return given if attempt == 1 else f"{given}-{attempt}"
    parts = (*key, nonce, str(attempt))
    return "bulkput-" + hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()

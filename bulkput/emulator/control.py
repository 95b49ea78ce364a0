"""The emulator's own endpoint, /_emulator/: faults, quotas and counts for whoever tests with it.

Owns its paths and JSON forms. Served only where the options allow it; who may ask is the server's.
"""

import dataclasses
import json
import re
from typing import Any

from bulkput.emulator.account import Account
from bulkput.emulator.answer import Answer, json_answer
from bulkput.emulator.faults import Fault, FaultScript
from bulkput.emulator.latency import Latency

PREFIX = "/_emulator/"
_ACCOUNT_RATES = {
    "puts_per_s_account": "PutSnapshotBlock",
    "gets_per_s_account": "GetSnapshotBlock",
}
_SNAPSHOT_RATES = {
    "puts_per_s_snapshot": "PutSnapshotBlock",
    "gets_per_s_snapshot": "GetSnapshotBlock",
}
_DELAYS = ("latency_ms", "jitter_ms")
_NUMBER_MAX = 1e9
"""Of a rate or a delay: beyond it, and for NaN and infinity, nothing can be computed."""


class Control:
    """Answers what is asked of the emulator itself."""

    def __init__(self, account: Account, faults: FaultScript, latency: Latency) -> None:
        self._account = account
        self._faults = faults
        self._latency = latency

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Answer one request."""
        try:
            return self._answer(method, path.removeprefix(PREFIX), body)
        except (ValueError, TypeError, RecursionError) as error:
            return json_answer(400, {"message": str(error)})

    def _answer(self, method: str, name: str, body: bytes) -> Answer:
        if (method, name) == ("POST", "faults"):
            listed = json.loads(body)
            faults = [Fault.from_json(one) for one in _as_list(listed)]
            self._faults.add(*faults)
        elif (method, name) == ("DELETE", "faults"):
            self._faults.clear()
        elif (method, name) == ("POST", "quota"):
            self._change(json.loads(body))
        elif (method, name) == ("POST", "owner"):
            self._give_away(**json.loads(body))
        elif (method, name) == ("DELETE", "stats"):
            self._account.stats.reset()
        elif (method, name) not in (("GET", "faults"), ("GET", "stats")):
            return json_answer(404, {"message": f"There is no {method} {PREFIX}{name}"})
        return json_answer(
            200,
            {
                **self._account.stats.as_dict(),
                "faults": self._faults.as_list(),
                "faults_unreached": len(self._faults.unreached()),
            },
        )

    def _give_away(self, *, snapshot_id: str, owner_id: str, is_public: bool = False) -> None:
        """Make a snapshot another account's: shared with this one, or public."""
        snapshot = self._account.store.get(snapshot_id)
        if snapshot is None or not re.fullmatch("[0-9]{12}", owner_id):
            raise ValueError("expected a snapshot that there is, and an account of 12 digits")
        record = dataclasses.replace(snapshot.record, owner_id=owner_id, is_public=bool(is_public))
        self._account.store.replace(record)

    def _change(self, wanted: dict[str, Any]) -> None:
        """Change rates and delays; nothing changes if one of them is unknown or no number."""
        if not isinstance(wanted, dict):
            raise TypeError("quota takes an object")
        for name, value in wanted.items():
            if name not in _ACCOUNT_RATES | _SNAPSHOT_RATES and name not in _DELAYS:
                raise ValueError(f"{name} cannot be changed")
            if value is None and name not in _DELAYS:
                continue
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise TypeError(f"{name} must be a number")
            if not 0 <= value <= _NUMBER_MAX:
                raise ValueError(f"{name} must be from 0 to {_NUMBER_MAX:.0f}")
        quotas = self._account.quotas
        for name, value in wanted.items():
            if name in _ACCOUNT_RATES:
                quotas.set_account_rate(_ACCOUNT_RATES[name], value)
            elif name in _SNAPSHOT_RATES:
                quotas.set_snapshot_rate(_SNAPSHOT_RATES[name], value)
            else:
                setattr(self._latency, name, float(value))


def _as_list(listed: Any) -> list[dict[str, Any]]:
    items = listed if isinstance(listed, list) else [listed]
    if not all(isinstance(item, dict) for item in items):
        raise TypeError("faults are objects")
    return items

"""Scripted faults: which call goes wrong in which way, decided call by call.

Owns the kinds, the script and the account of what was reached. Does nothing to a connection
itself. A script is a sequence: "twice a throttle, then a reset, then ok" is two faults in that
order, and a call that an earlier fault took is not seen by a later one.
"""

import dataclasses
import enum
import re
from types import UnionType
from typing import Any

from bulkput.emulator.call import OPERATIONS
from bulkput.emulator.ec2.actions import ACTIONS
from bulkput.emulator.json_calls.actions import JSON_ACTIONS


class Stage(enum.Enum):
    """When a fault acts."""

    BEFORE_BODY = enum.auto()
    INSTEAD = enum.auto()
    """After the body was read: an error, and nothing is done."""
    AFTER = enum.auto()
    """The call is done; its answer suffers."""


class FaultKind(enum.StrEnum):
    """The ways in which a call can go wrong."""

    EARLY_ERROR = "early-error"
    """An error, by default a throttle, is answered before the body is read."""
    NEVER_READ = "never-read"
    """The body is not read and no answer comes."""
    RESET_MID_BODY = "reset-mid-body"
    """The connection is reset after ``at_bytes`` of the body (half of it)."""
    CLOSE_EARLY = "close-early"
    """The connection is closed in order, before the body is read."""

    THROTTLE_SNAPSHOT = "throttle-snapshot"
    THROTTLE_ACCOUNT = "throttle-account"
    INTERNAL_ERROR = "internal-error"
    HTML_503 = "html-503"
    BODY_UNREAD = "body-unread"
    """'Failed to read block data', though it was whole."""
    ACCESS_DENIED = "access-denied"
    EXPIRED_TOKEN = "expired-token"  # noqa: S105 - a name
    CLOCK_SKEW = "clock-skew"
    """'Signature expired', with a Date header ``delay_s`` (600) ahead."""
    NOT_FOUND = "not-found"
    KMS_KEY = "kms-key"
    """404 DEPENDENCY_RESOURCE_NOT_FOUND: the key is gone."""
    KMS_ACCESS = "kms-access"
    """403 DEPENDENCY_ACCESS_DENIED: the key may not be used."""
    KMS_REFUSED = "kms-refused"
    """400 INVALID_DEPENDENCY_REQUEST: the key is disabled, or a permission on it is missing."""
    KMS_THROTTLE = "kms-throttle"
    """400 DEPENDENCY_REQUEST_THROTTLED."""
    ERROR = "error"
    """``http_status``, ``code``, ``reason`` and ``message`` as given."""
    NEVER_ANSWER = "never-answer"
    """The body is read, nothing is stored, no answer comes."""

    STORE_THEN_HANG = "store-then-hang"
    """Done, but no answer comes."""
    STORE_THEN_CLOSE = "store-then-close"
    """Done, but the connection is reset instead of the answer."""
    WRONG_ECHO = "wrong-echo"
    """x-amz-Checksum of the answer is another one."""
    TRUNCATE_ANSWER = "truncate-answer"
    """The answer ends after ``at_bytes`` of its body (half of it)."""
    DRIP_ANSWER = "drip-answer"
    """The answer's body takes ``delay_s`` (1), in 16 pieces."""
    DELAY_ANSWER = "delay-answer"
    """The answer comes ``delay_s`` (1) later."""
    CORRUPT_BLOCK = "corrupt-block"
    """One bit of the returned block is wrong; its checksum header is right."""
    EMPTY_PAGE = "empty-page"
    """A list's page is empty, and its NextToken leads to the same place."""


_KINDS_BEFORE_BODY = frozenset(
    {
        FaultKind.EARLY_ERROR,
        FaultKind.NEVER_READ,
        FaultKind.RESET_MID_BODY,
        FaultKind.CLOSE_EARLY,
    }
)
_KINDS_AFTER = frozenset(
    {
        FaultKind.STORE_THEN_HANG,
        FaultKind.STORE_THEN_CLOSE,
        FaultKind.WRONG_ECHO,
        FaultKind.TRUNCATE_ANSWER,
        FaultKind.DRIP_ANSWER,
        FaultKind.DELAY_ANSWER,
        FaultKind.CORRUPT_BLOCK,
        FaultKind.EMPTY_PAGE,
    }
)
_TARGETS = OPERATIONS | ACTIONS.keys() | {name for _, name in JSON_ACTIONS} | {"*"}

_BOUNDS: tuple[tuple[str, type | UnionType, int, int], ...] = (
    ("nth", int, 1, 1 << 31),
    ("times", int, 1, 1 << 31),
    ("block_index", int, 0, 1 << 31),
    ("http_status", int, 400, 599),
    ("delay_s", int | float, 0, 86_400),
    ("at_bytes", int, 0, 1 << 31),
)
"""Numbers of a fault: name, type, lowest and highest. A delay of a day outlasts every client."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault and the calls that it is for."""

    kind: FaultKind
    operation: str = "*"
    snapshot_id: str | None = None
    block_index: int | None = None
    nth: int = 1
    """The first matching call that is hit, counted from 1."""
    times: int | None = 1
    """How many in a row from there; None for all."""

    http_status: int | None = None
    code: str | None = None
    reason: str | None = None
    message: str | None = None
    delay_s: float | None = None
    at_bytes: int | None = None

    def __post_init__(self) -> None:
        """Refuse a fault that could never be reached.

        Raises:
            ValueError: an unknown operation, or counts below 1.
        """
        if self.operation not in _TARGETS:
            raise ValueError(f"{self.operation} is none of {', '.join(sorted(_TARGETS))}")
        if self.nth < 1 or (self.times is not None and self.times < 1):
            raise ValueError("nth and times count from 1")
        for name, kinds, low, high in _BOUNDS:
            value = getattr(self, name)
            is_number = isinstance(value, kinds) and not isinstance(value, bool)
            if value is not None and not (is_number and low <= value <= high):
                raise ValueError(f"{name} must be a number from {low} to {high}")
        for name in ("snapshot_id", "code", "reason", "message"):
            if not isinstance(getattr(self, name), str | None):
                raise TypeError(f"{name} must be a text")
        if self.code is not None and not re.fullmatch(r"[A-Za-z.]+", self.code):
            raise ValueError("code must consist of letters")
        if self.kind is FaultKind.ERROR and self.code is None:
            raise ValueError("the fault 'error' needs a code")

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Fault":
        """Return the fault that a JSON object describes.

        Raises:
            TypeError: an unknown member, or none named kind.
            ValueError: a value that is not allowed.
        """
        if "kind" not in fields:
            raise TypeError("a fault needs a kind")
        return cls(**{**fields, "kind": FaultKind(fields["kind"])})

    @property
    def stage(self) -> Stage:
        """When it acts."""
        if self.kind in _KINDS_BEFORE_BODY:
            return Stage.BEFORE_BODY
        return Stage.AFTER if self.kind in _KINDS_AFTER else Stage.INSTEAD

    def matches(self, operation: str, snapshot_id: str | None, block_index: int | None) -> bool:
        """Return whether the fault is for such a call."""
        return (
            self.operation in ("*", operation)
            and self.snapshot_id in (None, snapshot_id)
            and self.block_index in (None, block_index)
        )


@dataclasses.dataclass
class _Entry:
    fault: Fault
    seen: int = 0
    hit: int = 0


class FaultScript:
    """The faults still to come, in order."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def add(self, *faults: Fault) -> None:
        """Put faults at the end of the script."""
        self._entries.extend(_Entry(fault) for fault in faults)

    def clear(self) -> None:
        """Forget all faults and what was reached."""
        self._entries.clear()

    def take(
        self, operation: str, snapshot_id: str | None, block_index: int | None
    ) -> Fault | None:
        """Return the fault that hits this call, and count it."""
        for entry in self._entries:
            fault = entry.fault
            if fault.times is not None and entry.hit >= fault.times:
                continue
            if fault.matches(operation, snapshot_id, block_index):
                entry.seen += 1
                if entry.seen >= fault.nth:
                    entry.hit += 1
                    return fault
        return None

    def unreached(self) -> list[Fault]:
        """Return the faults that hit less often than scripted; open-ended ones that never hit."""
        return [entry.fault for entry in self._entries if entry.hit < (entry.fault.times or 1)]

    def as_list(self) -> list[dict[str, Any]]:
        """Return the script and its counts as JSON has them."""
        return [
            {
                **{
                    name: value
                    for name, value in dataclasses.asdict(entry.fault).items()
                    if value is not None
                },
                "times": entry.fault.times,
                "hit": entry.hit,
            }
            for entry in self._entries
        ]

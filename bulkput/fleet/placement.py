"""Which volume starts on which host next, and what follows its end. Pure.

Large and small volumes start by turns, each kind from its end. The largest first, because one that
starts late ends last, alone, at its own snapshot's limit (Graham, 1969: the largest first ends at
most a third later than the best of all orders). Small ones beside them, because a small volume is
little but the time from its start to `completed`, during which it holds one of the few places for
pending snapshots: if all of them come last, those places and not the puts are the limit, and the
quota lies idle. Simulated with 5,000 volumes (`tests/simulation/fleet_at_scale.py`): 10% over the
ideal time with the largest first, 2% by turns.

Before both come volumes whose snapshots are pending already, because each holds such a place, and
times out if nobody puts to it. The caller gives the volumes in their order; ``in_start_order`` is
this one.
"""

import itertools
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from bulkput.fleet.retries import RETRIES, kind_of, retry_delay_s
from bulkput.model.exit_code import ExitCode


@dataclass(frozen=True)
class Volume:
    """What is to be uploaded."""

    name: str
    size_bytes: int | None = None
    host: str | None = None
    """The only one that has its source."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """A host must have all of them."""
    is_begun: bool = False
    """It has a pending snapshot."""


@dataclass(frozen=True)
class Host:
    """A machine of the fleet that is alive."""

    name: str
    slots: int
    """Volumes at a time."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Start:
    """An attempt to begin."""

    volume: str
    host: str
    attempt: int
    """From 1."""


class Phase(Enum):
    """Where a volume stands."""

    WAITING = auto()
    RUNNING = auto()
    DONE = auto()
    FAILED = auto()


@dataclass
class _State:
    volume: Volume
    phase: Phase = Phase.WAITING
    attempt: int = 0
    host: str | None = None
    not_before_s: float = float("-inf")
    ends: Counter[int] = field(default_factory=Counter)
    avoid: set[str] = field(default_factory=set)
    """Hosts on which an attempt ended by the machine's fault."""
    exit_code: int | None = None


def in_start_order(volumes: Iterable[Volume]) -> list[Volume]:
    """Return volumes in the order of this module; an unknown size may be the largest of all."""

    def key(volume: Volume) -> tuple[bool, int]:
        return volume.size_bytes is not None, -(volume.size_bytes or 0)

    given = list(volumes)
    begun = sorted((volume for volume in given if volume.is_begun), key=key)
    new = sorted((volume for volume in given if not volume.is_begun), key=key)
    half = (len(new) + 1) // 2
    large, small = new[:half], new[half:][::-1]
    turns = itertools.chain.from_iterable(itertools.zip_longest(large, small))
    return [*begun, *(volume for volume in turns if volume is not None)]


class Placement:
    """The volumes of one job on the hosts that there are."""

    def __init__(self, volumes: Sequence[Volume], retries: Mapping[int, int] = RETRIES) -> None:
        """Begin with all volumes waiting, in the order in which they are to start."""
        self._states = {volume.name: _State(volume) for volume in volumes}
        self._retries = retries
        self._open = list(self._states)

    def phase(self, volume: str) -> Phase:
        """Return where a volume stands."""
        return self._states[volume].phase

    def exit_code(self, volume: str) -> int | None:
        """Return how a volume's last attempt ended, or `LOST`; None before there was an end."""
        return self._states[volume].exit_code

    @property
    def is_over(self) -> bool:
        """Whether every volume is done or failed."""
        return not self._open

    def running(self) -> list[Start]:
        """Return the attempts under way."""
        return [
            Start(name, state.host or "", state.attempt)
            for name in self._open
            if (state := self._states[name]).phase is Phase.RUNNING
        ]

    def next_starts(
        self, now_s: float, hosts: Iterable[Host], most: int, begun: Container[str] = ()
    ) -> list[Start]:
        """Return what is to start now, and count it as running.

        Args:
            now_s: Of the same clock at all calls.
            hosts: That are alive.
            most: Free permits.
            begun: Volumes with pending snapshots, which need none: they take their places over.
        """
        there = {host.name: host for host in hosts}
        free = Counter({host.name: host.slots for host in there.values()})
        free.subtract(start.host for start in self.running() if start.host in there)
        kept = self._pinned_bytes()
        starts: list[Start] = []
        room = sum(max(0, count) for count in free.values())
        for name in self._open:
            if len(starts) >= room:
                break
            state = self._states[name]
            if most <= 0 and name not in begun:
                continue
            if state.phase is not Phase.WAITING or state.not_before_s > now_s:
                continue
            host = _best(state, there, free, kept)
            if host is None:
                continue
            state.phase, state.host, state.attempt = Phase.RUNNING, host, state.attempt + 1
            free[host] -= 1
            most -= name not in begun
            starts.append(Start(name, host, state.attempt))
        return starts

    def unplaceable(self, hosts: Iterable[Host]) -> list[str]:
        """Return the volumes that wait and that none of ``hosts`` can take, however free."""
        there = list(hosts)
        waiting = [self._states[name] for name in self._open]
        return [
            state.volume.name
            for state in waiting
            if state.phase is Phase.WAITING and not any(_fits(state.volume, host) for host in there)
        ]

    def give_up(self, volume: str, exit_code: int) -> None:
        """End a volume that waits, as failed."""
        self._close(self._states[volume], Phase.FAILED, exit_code)

    def not_started(self, start: Start) -> None:
        """Take a start back: there was no permit after all, or the host was gone."""
        state = self._states[start.volume]
        if state.phase is Phase.RUNNING and state.attempt == start.attempt:
            state.phase, state.host = Phase.WAITING, None

    def ended(self, now_s: float, volume: str, attempt: int, exit_code: int) -> None:
        """Learn how an attempt ended; of one that was given up as lost, only success counts.

        After a lost one the volume starts elsewhere, or waits for its host if no other has the
        source. That the host may work on behind a broken link, and even finish the volume, is the
        concern of the lease on the volume's state.
        """
        state = self._states[volume]
        if state.phase is Phase.DONE:
            return
        is_current = state.phase is Phase.RUNNING and attempt == state.attempt
        if exit_code == ExitCode.DONE:
            self._close(state, Phase.DONE, exit_code)
        elif is_current:
            self._retry_or_fail(now_s, state, exit_code)

    def _retry_or_fail(self, now_s: float, state: _State, exit_code: int) -> None:
        kind = kind_of(exit_code)
        delay_s = retry_delay_s(exit_code, state.ends[kind], self._retries)
        state.ends[kind] += 1
        if delay_s is None:
            self._close(state, Phase.FAILED, exit_code)
            return
        if state.host is not None and exit_code == ExitCode.MACHINE:
            state.avoid.add(state.host)
        state.phase, state.host, state.exit_code = Phase.WAITING, None, exit_code
        state.not_before_s = now_s + delay_s

    def _close(self, state: _State, phase: Phase, exit_code: int) -> None:
        if state.phase is not Phase.FAILED:
            self._open.remove(state.volume.name)
        state.phase, state.host, state.exit_code = phase, None, exit_code

    def _pinned_bytes(self) -> Counter[str]:
        """Return how much waits for each host that no other can take."""
        return Counter(
            {
                host: sum(sizes)
                for host, sizes in _by_host(self._states[name] for name in self._open).items()
            }
        )


def _by_host(states: Iterable[_State]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for state in states:
        if state.volume.host is not None and state.phase is Phase.WAITING:
            found.setdefault(state.volume.host, []).append(state.volume.size_bytes or 1)
    return found


def _fits(volume: Volume, host: Host) -> bool:
    return volume.host in (None, host.name) and volume.labels.items() <= host.labels.items()


def _best(
    state: _State, hosts: Mapping[str, Host], free: Mapping[str, int], kept: Mapping[str, int]
) -> str | None:
    """Return the host for a volume; one that failed it, or has volumes of its own, comes last."""
    volume = state.volume
    fitting = [host for host in hosts.values() if free[host.name] > 0 and _fits(volume, host)]
    if not fitting:
        return None

    def key(host: Host) -> tuple[bool, int, int, str]:
        return host.name in state.avoid, kept.get(host.name, 0), -free[host.name], host.name

    return min(fitting, key=key).name

"""Who put which block when, as the emulator of this process accepted it."""

import itertools
import re
import time
from collections import defaultdict
from typing import NamedTuple

from bulkput.emulator import services


class Put(NamedTuple):
    """One that was accepted."""

    at_s: float
    who: str
    """The access key: of an emulator that takes any, each process may have its own."""
    snapshot_id: str
    block_index: int


class PutLog:
    """Of all emulators in this process, while ``monkeypatch`` lasts."""

    def __init__(self, monkeypatch):
        self.puts = []
        real = services.put_snapshot_block

        def logged(account, call, body):
            answer = real(account, call, body)
            key = re.search(r"Credential=([^/]+)", call.headers.get("Authorization", ""))
            who = key.group(1) if key else "nobody"
            self.puts.append(Put(time.monotonic(), who, call.snapshot_id, call.block_index))
            return answer

        monkeypatch.setattr(services, "put_snapshot_block", logged)

    def turns(self):
        """Return, for each snapshot, who put to it in turn: one who comes again is there twice."""
        by_snapshot = defaultdict(list)
        for put in self.puts:
            by_snapshot[put.snapshot_id].append(put.who)
        return {
            name: [who for who, _ in itertools.groupby(each)] for name, each in by_snapshot.items()
        }

    def require_one_writer_at_a_time(self):
        """Whoever puts to a snapshot after another has come in its place, for good."""
        for snapshot_id, turns in self.turns().items():
            assert len(turns) == len(set(turns)), f"{snapshot_id} was put by turns: {turns}"

    def excess(self, puts_per_s):
        """Return by how many puts any span of time has more than the rate allows for it."""
        worst = level = 0.0
        before_s = None
        for put in self.puts:
            passed_s = 0.0 if before_s is None else put.at_s - before_s
            level, before_s = max(0.0, level - passed_s * puts_per_s) + 1, put.at_s
            worst = max(worst, level)
        return worst

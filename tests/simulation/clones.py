"""Two clones of one machine, with the same name, id and state path, and somebody who collects.

Each has a state folder of its own, as clones have; their snapshots carry the same place. One of
them uploads at a time, and ``gc`` is run by either, or from an empty folder, at any moment of it.
"""

import asyncio
import random

from simulation.run import OTHERS
from simulation.scripted import Scripted
from simulation.service import FIRST_UNIX_S, ModelService
from simulation.weather import Fault, Weather

from bulkput.ebs.snapshot import FoundSnapshot
from bulkput.jobs.gc import OrphanStatus, collect
from bulkput.jobs.state import snapshot_tag
from bulkput.jobs.state.snapshot_tag import OWNER_TAG_KEY
from bulkput.model.failure import FailureClass

HOUR_S, DAY_S = 3600.0, 86_400.0
AGES_S = (HOUR_S, 24 * HOUR_S)

TAKING_UP_S = 180.0
"""A lease that has run out is renewed while the upload is taken up again; a renewal that fails is
repeated after 15 s, 30 s and 60 s."""
CLOCKS_S = (-240.0, 0.0, 0.0, 240.0)
"""How wrong a collector's clock may be: the service refuses signatures that are off by 5 min, and
what it answers then corrects the clock."""


class Clones:
    """Decided by a seed; ``live`` runs it to its end."""

    def __init__(self, seed, folder, patch):
        self.random = random.Random(seed)
        self.folder = folder
        patch.setattr(snapshot_tag, "place_of", lambda *_: "clone+0123456789ab:/state")
        self.service = ModelService(Weather(seed), encrypts=False)
        self.uploads = [self._upload(name) for name in ("a", "b")]
        (folder / "lost").mkdir()
        self.unix_s = FIRST_UNIX_S
        self.live_upload = None
        self.live_since_s = 0.0
        self.deleted = []
        self.spared = 0
        self.violations = []

    def _upload(self, name):
        (self.folder / name).mkdir()
        # 14 puts, one in ten minutes: the engine gives up after 15 without any.
        upload = Scripted(self.folder / name, blocks=range(1, 15))
        slow = upload.tuning.model_copy(update={"puts_per_s_snapshot": 1 / 600})
        upload.tuning = slow
        upload.settings = upload.settings.model_copy(update={"tuning": slow})
        upload.service = self.service
        return upload

    def live(self):
        rng = self.random
        for _ in range(rng.choice((2, 4, 6))):
            self._go(rng.choice(self.uploads))
            self.unix_s += rng.choice((1.0, 600.0, 2 * HOUR_S, 20 * HOUR_S, 2 * DAY_S))
        for upload in self.uploads:
            for _ in range(3):  # one may find that its snapshot was deleted, one that it timed out
                if self._go(upload, calmly=True) == 0:
                    break
            else:
                self.violations.append(f"calm runs did not end: {upload.outcomes[-1]}")
        assert not self.violations, self.violations

    def _go(self, upload, *, calmly=False):
        rng = self.random
        upload.unix_s = self.unix_s
        how = {} if calmly else rng.choice(({}, {"dies_at": rng.randint(5, 150)}))
        if not calmly and not how and rng.random() < 0.7:
            how = {"stops_after_s": rng.random() * 3 * HOUR_S}
        longest_s = () if calmly else (HOUR_S / 4, 3 * HOUR_S) * 6
        moments = [rng.random() * each_s for each_s in longest_s]
        numbers = rng.choice(((), (1,), (1, 2, 3), (rng.randint(2, 12),)))
        refused = {("CreateTags", number): Fault(FailureClass.TRANSIENT) for number in numbers}
        upload.meanwhile = lambda: self._arrange(moments)
        self.live_upload, self.live_since_s = upload, self.unix_s
        code = upload.go(weather={} if calmly else refused, **how)
        self.live_upload = None
        self.unix_s = max(upload.unix_s, self.service.now_s)
        return code

    def _arrange(self, moments):
        """Have others collect at these times of the run."""
        for moment_s in moments:
            asyncio.get_running_loop().create_task(self._collect(moment_s), name=OTHERS)

    async def _collect(self, moment_s):
        await asyncio.sleep(moment_s)
        rng = self.random
        folder = self.folder / rng.choice(("a", "b", "lost"))
        age_s = rng.choice(AGES_S)
        calls = CollectorsCalls(self, rng.choice(CLOCKS_S), age_s)
        found = await collect(calls, folder, elsewhere=False, older_than_s=age_s, delete=True)
        self.spared += any(each.status is OrphanStatus.AT_WORK for each in found)

    def check_deletion(self, snapshot_id, age_s, clock_off_s):
        """Whether somebody may delete this snapshot now."""
        now_s = self.service.now_s
        snapshot = self.service.snapshots.get(snapshot_id)
        if snapshot is None:
            return
        self.deleted.append(snapshot_id)
        if snapshot.started_s > now_s + abs(clock_off_s) - age_s:
            self.violations.append(f"{snapshot_id} is younger than {age_s} s")
        upload = self.live_upload
        if upload is None or upload.machine.dead or now_s - self.live_since_s < TAKING_UP_S:
            return
        header = upload._header()
        if header is not None and header.snapshot_id == snapshot_id:
            since_s = now_s - self.live_since_s
            self.violations.append(f"{snapshot_id} is deleted, worked on for {since_s} s")


class CollectorsCalls:
    """What ``gc`` calls: EC2, with a clock of its own."""

    def __init__(self, clones, clock_off_s, age_s):
        self._clones = clones
        self._service = clones.service
        self._clock_off_s = clock_off_s
        self._age_s = age_s

    def now_unix_s(self):
        return self._service.now_s + self._clock_off_s

    async def _pass(self):
        """Take as long as a call takes; others go on meanwhile."""
        await asyncio.sleep(self._clones.random.choice((0.1, 1.0)))
        upload = self._clones.live_upload
        if upload is not None and not upload.line.closed:
            self._service.settle(upload.line.now_s())

    async def list_pending_tagged(self):
        await self._pass()
        return [
            FoundSnapshot(each.snapshot_id, state, dict(each.request.tags) | each.tags)
            for each in self._service.snapshots.values()
            if (state := self._service.describe(each.snapshot_id)) is not None
            and state.state == "pending"
            and OWNER_TAG_KEY in dict(each.request.tags) | each.tags
        ]

    async def describe(self, snapshot_id):
        await self._pass()
        return self._service.describe(snapshot_id)

    async def delete(self, snapshot_id):
        self._clones.check_deletion(snapshot_id, self._age_s, self._clock_off_s)
        self._service.delete(snapshot_id)

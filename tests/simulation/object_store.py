"""A state store as one more party: its objects outlive every run, and its answers get lost.

Owns what is true on the far side (conditions are checked when a write arrives, and it may arrive
late, behind others), and the line from one run to it.
"""

import asyncio
import hashlib
import random

from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.store.object_store import ABSENT, ConditionFailedError, ListedObject, StoredObject

FATES = ("lost", "refused", "late")


class ObjectPool:
    """The objects; ``settle`` lets what was under way arrive."""

    def __init__(self):
        self.objects = {}
        """Key to content, ETag and time."""
        self._late = []
        self._writes = 0

    def settle(self, now_s):
        due = sorted(each for each in self._late if each[0] <= now_s)
        self._late = [each for each in self._late if each[0] > now_s]
        for at_s, _, key, content, if_match in due:
            try:
                self.write(key, content, if_match, at_s)
            except ConditionFailedError:
                continue

    def write(self, key, content, if_match, now_s):
        found = self.objects.get(key)
        if if_match is not None and if_match != (ABSENT if found is None else found[1]):
            raise ConditionFailedError(key)
        self._writes += 1
        etag = f"{hashlib.md5(content).hexdigest()}-{self._writes}"
        self.objects[key] = (content, etag, now_s)
        return etag

    def write_late(self, at_s, key, content, if_match):
        self._late.append((at_s, len(self._late), key, content, if_match))


class StoreLine:
    """Stands where a run has its store: each call may be lost, refused or late."""

    shown = "s3://simulated/states"

    def __init__(self, pool, machine, *, base_s, seed, rate=0.0, is_down=False, latency_s=0.05):
        self.pool = pool
        self.machine = machine
        self._base_s = base_s
        self._random = random.Random(seed)
        self._rate = rate
        self._is_down = is_down
        self._latency_s = latency_s

    def _now_s(self):
        return self._base_s + asyncio.get_running_loop().time()

    async def recover(self, error):
        """Mend nothing: nothing is signed here."""

    async def _begin(self):
        """Let the request travel; return what befalls it."""
        fate = self._random.choice(FATES) if self._random.random() < self._rate else None
        if self._is_down:
            fate = "refused"
        await self._pass(self._latency_s * self._random.random())
        self.pool.settle(self._now_s())
        return fate

    async def _pass(self, delay_s):
        await asyncio.sleep(delay_s)
        if self.machine.dead:  # nothing comes back to a host that is gone
            await asyncio.get_running_loop().create_future()

    async def _end(self, fate):
        self.machine.tick("store")
        await self._pass(self._latency_s * self._random.random())
        if fate is not None:
            failure = self._random.choice((FailureClass.TRANSIENT, FailureClass.ACCESS_DENIED))
            raise ServiceError("PutObject", failure, f"simulated: {fate}")

    async def get(self, key, *, size_max_bytes):
        fate = await self._begin()
        found = self.pool.objects.get(key)
        now_s = self._now_s()
        await self._end(fate)
        if found is None:
            return None
        content, etag, written_s = found
        return StoredObject(content, etag, now_s - written_s)

    async def get_part(self, key, start, stop, etag):
        found = await self.get(key, size_max_bytes=stop)
        return found and StoredObject(found.content[start:stop], found.etag, None)

    async def put(self, key, content, *, if_match=None, digest=None):
        fate, content = await self._begin(), bytes(content)
        etag = None
        if fate == "late":
            delay_s = self._random.choice((0.1, 5.0, 60.0, 600.0))
            self.pool.write_late(self._now_s() + delay_s, key, content, if_match)
        elif fate != "refused":
            etag = self.pool.write(key, content, if_match, self._now_s())
        await self._end(fate)
        return etag

    async def delete(self, key):
        fate = await self._begin()
        if fate not in {"refused", "late"}:
            self.pool.objects.pop(key, None)
        await self._end(fate)

    async def list_objects(self, prefix):
        await self._end(await self._begin())
        for key in sorted(self.pool.objects):
            if key.startswith(prefix):
                content, _, written_s = self.pool.objects[key]
                yield ListedObject(key, len(content), self._now_s() - written_s)

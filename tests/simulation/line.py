"""The line from one run to the service: both planes as the engine calls them, with the weather.

Checks what the engine promises about its calls: none starts after a stop or an end. A run that
dies leaves its line dead: what was on it may still arrive, but nothing comes back.
"""

import asyncio
from collections import Counter

from simulation.contents import ZEROS, digest, number_of
from simulation.service import refusal

from bulkput.model.failure import FailureClass

_ARRIVES_SHARE = 0.3
"""Of puts whose sender dies or stops while the body is on its way."""


class Line:
    """Stands where the engine has the service, its data plane and its control plane."""

    region = "us-east-1"
    clock_offset_s = 0.0

    def __init__(self, service, weather, machine, *, base_s):
        self.data = self.control = self
        self.service = service
        self.weather = weather
        self.machine = machine
        self.base_s = base_s
        self.stopped_s = float("inf")
        self.closed = False
        self.calls = Counter()
        self.attempts = Counter()
        self.acknowledged = {}
        self.on_put = lambda snapshot_id, index, number: None
        self.on_complete = lambda snapshot, count, checksum: None
        self._fresh = False
        self.story = []

    def elapsed_s(self):
        return asyncio.get_running_loop().time()

    def now_s(self):
        return self.base_s + self.elapsed_s()

    async def recover(self, error):
        if error.failure is not FailureClass.SIGNATURE:
            return
        await self._pass(self.weather.delay_s("keys"))
        if self.elapsed_s() < self.weather.keys_come_back_s:
            raise refusal("GetCredentials", FailureClass.TRANSIENT, "expired, not renewed for now")
        self._fresh = True

    async def put_block(self, snapshot_id, block_index, body, digest_, on_sent):
        number = await self._begin("put")
        self.attempts[block_index] += 1
        attempt = self.attempts[block_index]
        if self.elapsed_s() > self.stopped_s:
            self.machine.violate(f"a put of block {block_index} starts after the stop")
        self.on_put(snapshot_id, block_index, number_of(body))
        fault = self.weather.put_fault(number, block_index, attempt, self.elapsed_s())
        self._report("put", block_index, fault)
        self._sign("PutSnapshotBlock")
        if fault is not None and fault.failure is None:
            raise fault.error("PutSnapshotBlock")
        delay_s = self.weather.delay_s("put", block_index, attempt)
        try:
            await self._pass(delay_s / 2)
        except asyncio.CancelledError:
            arrives = self.weather.unit("arrives", block_index, attempt) < _ARRIVES_SHARE
            if arrives and fault is None and digest(number_of(body)) == digest_:
                now_s = self.service.now_s if self.machine.dead else self.now_s()
                self.service.store_later(now_s, snapshot_id, block_index, number_of(body))
            raise
        if fault is not None and not fault.is_done:
            if fault.done_late_s is not None and digest(number_of(body)) == digest_:
                late_s = self.now_s() + fault.done_late_s
                self.service.store_later(late_s, snapshot_id, block_index, number_of(body))
            on_sent()
            await self._pass(fault.after_s)
            raise fault.error("PutSnapshotBlock", snapshot_id, block_index)
        self.service.settle(self.now_s())
        snapshot = self.service.takes_put(snapshot_id, block_index)
        if digest(number_of(body)) != digest_:
            on_sent()
            raise refusal("PutSnapshotBlock", FailureClass.CHECKSUM_MISMATCH, "does not match")
        self.service.store(snapshot, block_index, number_of(body), self.now_s())
        on_sent()
        self.machine.tick("stored")
        await self._pass(delay_s / 2)
        if fault is not None:
            await self._pass(fault.after_s)
            raise fault.error("PutSnapshotBlock", snapshot_id, block_index)
        self.acknowledged[block_index] = digest_

    async def start_snapshot(self, request):
        return await self._call("StartSnapshot", lambda: self.service.start(request))

    async def complete_snapshot(self, snapshot_id, changed_blocks_count, linear_checksum_b64):
        def complete():
            snapshot = self.service.taking_puts("CompleteSnapshot", snapshot_id)
            self.on_complete(snapshot, changed_blocks_count, linear_checksum_b64)
            return self.service.complete(snapshot_id, changed_blocks_count, linear_checksum_b64)

        return await self._call("CompleteSnapshot", complete)

    async def describe_snapshot(self, snapshot_id):
        return await self._call("DescribeSnapshots", lambda: self.service.describe(snapshot_id))

    async def delete_snapshot(self, snapshot_id):
        await self._call("DeleteSnapshot", lambda: self.service.delete(snapshot_id))

    async def set_tag(self, snapshot_id, key, value):
        await self._call("CreateTags", lambda: self.service.set_tag(snapshot_id, key, value))

    async def list_blocks_page(
        self, snapshot_id, page_token=None, starting_block_index=None, max_results=None
    ):
        return await self._call(
            "ListSnapshotBlocks", lambda: self.service.list_blocks(snapshot_id, page_token, 50)
        )

    async def get_block(self, snapshot_id, block_index, block_token):
        assert block_token == f"token-{block_index}"
        return await self._call(
            "GetSnapshotBlock", lambda: self.service.get(snapshot_id, block_index)
        )

    async def _call(self, call, effect):
        number = await self._begin(call)
        fault = self.weather.control_fault(call, number, self.elapsed_s())
        self._report(call, number, fault)
        self._sign(call)
        if fault is not None and fault.failure is None:
            raise fault.error(call)
        delay_s = self.weather.delay_s(call, number)
        await self._pass(delay_s / 2)
        if fault is not None and not fault.is_done:
            await self._pass(fault.after_s)
            raise fault.error(call)
        self.service.settle(self.now_s())
        answer = effect()
        self.machine.tick(call)
        await self._pass(delay_s / 2)
        if fault is not None:
            raise fault.error(call)
        return answer

    async def _begin(self, call):
        if self.machine.dead:  # it runs on only to be taken down
            await asyncio.get_running_loop().create_future()
        if self.closed:
            self.machine.violate(f"{call} after the end of its run")
        self.calls[call] += 1
        self.machine.tick(call)
        return self.calls[call]

    def _sign(self, operation):
        if not self._fresh and self.elapsed_s() >= self.weather.keys_expire_s:
            raise refusal(operation, FailureClass.SIGNATURE, "the token has expired")

    def _report(self, call, key, fault):
        self.story.append((round(self.elapsed_s(), 6), call, key, fault))

    async def _pass(self, delay_s):
        """Let time pass; on a dead line it never ends."""
        await asyncio.sleep(delay_s)
        if self.machine.dead:
            await asyncio.get_running_loop().create_future()


def shows(snapshot, index):
    """Return the content number that a volume of ``snapshot`` shows at a block."""
    return snapshot.blocks.get(index, ZEROS)

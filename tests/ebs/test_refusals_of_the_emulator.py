"""What the emulator refuses, as both planes classify it."""

import asyncio

import pytest
from support.opened_service import KEYS, opened, payload, put

from bulkput.ebs.credentials import Credentials
from bulkput.ebs.snapshot import StartRequest
from bulkput.model.clock import LoopClock
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass


async def test_a_refused_start_is_classified(tmp_path):
    async with opened(tmp_path) as service:
        start = service.control.start_snapshot
        await start(StartRequest(1, "t", description="one"))
        with pytest.raises(ServiceError) as caught:
            await start(StartRequest(1, "t", description="two"))
        assert caught.value.failure is FailureClass.CONFLICT
        assert caught.value.request_id
        key = "arn:aws:kms:eu-west-1:000000000000:key/01234567-89ab-cdef-0123-456789abcdef"
        with pytest.raises(ServiceError) as caught:
            await start(StartRequest(1, "t3", encrypted=False, kms_key_arn=key))
        assert caught.value.failure is FailureClass.INVALID
        assert caught.value.reason == "INVALID_PARAMETER_VALUE"
        assert "Encrypt cannot be false" in str(caught.value)


async def test_changed_bytes_are_distinguished_from_a_wrong_signature(tmp_path):
    async with opened(tmp_path) as service:
        started = await service.control.start_snapshot(StartRequest(1, "t"))
        block = memoryview(payload("a"))
        with pytest.raises(ServiceError) as caught:
            await service.data.put_block(started.snapshot_id, 0, block, b"\1" * 32)
        assert caught.value.failure is FailureClass.CHECKSUM_MISMATCH


async def test_an_unknown_snapshot_is_not_yet_visible(tmp_path):
    async with opened(tmp_path) as service:
        with pytest.raises(ServiceError) as caught:
            await put(service, "snap-0123456789abcdef0", 0, payload("a"))
        assert caught.value.failure is FailureClass.NOT_YET_VISIBLE
        assert caught.value.reason == "SNAPSHOT_NOT_FOUND"


async def test_a_throttle_of_the_snapshot_names_its_bucket(tmp_path):
    async with opened(tmp_path, puts_per_s_snapshot=1.0, burst_s=1.0) as service:
        started = await service.control.start_snapshot(StartRequest(1, "t"))
        results = await asyncio.gather(
            *(put(service, started.snapshot_id, i, payload("a")) for i in range(4)),
            return_exceptions=True,
        )
        failures = {error.failure for error in results if isinstance(error, ServiceError)}
        assert failures == {FailureClass.THROTTLED_SNAPSHOT}


class SlowClock(LoopClock):
    """Ten minutes behind."""

    def unix_s(self) -> float:
        return super().unix_s() - 600


async def test_a_clock_that_is_off_is_corrected_once_by_the_services(tmp_path):
    async with opened(tmp_path, clock=SlowClock()) as service:
        request = StartRequest(1, "t")
        with pytest.raises(ServiceError) as caught:
            await service.control.start_snapshot(request)
        assert caught.value.failure is FailureClass.SIGNATURE
        await service.recover(caught.value)
        assert service.clock_offset_s == pytest.approx(600, abs=5)
        started = await service.control.start_snapshot(request)
        await put(service, started.snapshot_id, 0, payload("a"))
        assert await service.control.describe_snapshot(started.snapshot_id)


async def test_a_wrong_key_is_a_signature_failure_on_both_planes(tmp_path):
    wrong = Credentials(KEYS.access_key, "anothercanary", KEYS.session_token)
    async with opened(tmp_path, keys=wrong) as service:
        with pytest.raises(ServiceError) as caught:
            await put(service, "snap-0123456789abcdef0", 0, payload("a"))
        assert caught.value.failure is FailureClass.SIGNATURE
        with pytest.raises(ServiceError) as caught:
            await service.control.describe_snapshot("snap-0123456789abcdef0")
        assert caught.value.failure is FailureClass.SIGNATURE
        assert service.clock_offset_s == 0.0

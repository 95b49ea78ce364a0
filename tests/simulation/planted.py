"""Bugs to plant in the engine: what the simulation must notice, each a patch of a few lines."""

import asyncio
from dataclasses import replace

from bulkput.jobs.upload import (
    complete_snapshot,
    earlier_run,
    encryption,
    ledger,
    resume,
    resume_decision,
    start_or_resume,
    start_snapshot,
    volume,
)
from bulkput.jobs.upload.resume_decision import EarlierAnswer
from bulkput.ledger import record
from bulkput.ledger.marks import Marks
from bulkput.ledger.record import State
from bulkput.model.errors import SourceError
from bulkput.pipeline import decide as decide_module
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.hasher import Hasher
from bulkput.pipeline.hashing import hash_hole
from bulkput.pipeline.put import PutPath
from bulkput.pipeline.retry import Retrier
from bulkput.pipeline.survey import Tally
from bulkput.pipeline.uploader import Uploader
from bulkput.planning.zeros import resolve_zero_policy


def acknowledged_before_the_put(patch):
    async def recorded(self, block):
        self._ledger.mark_acknowledged(block.index, block.digest)
        await self._sink.put_block(
            self._snapshot_id, block.index, block.view(), block.digest, block.release
        )
        self._progress.blocks_put += 1

    patch.setattr(PutPath, "_recorded", recorded)


def sent_only_in_the_ledger_after_the_put(patch):
    async def recorded(self, block):
        await self._sink.put_block(
            self._snapshot_id, block.index, block.view(), block.digest, block.release
        )
        self._ledger.mark_acknowledged(block.index, block.digest)
        self._progress.blocks_put += 1

    patch.setattr(PutPath, "_recorded", recorded)


def zeros_that_were_sent_as_data_are_skipped(patch):
    patch.setattr(record, "_MAY_BE_IN_SNAPSHOT", (State.ACKNOWLEDGED,))


def holes_that_were_sent_as_data_are_skipped(patch):
    patch.setattr(Marks, "not_skippable", Marks.acknowledged)


def the_aggregate_is_of_the_first_reading(patch):
    first = {}

    async def recorded(self, block):
        digest = first.setdefault((id(self), block.index), block.digest)
        self._ledger.mark_sent(block.index, digest)
        await self._sink.put_block(
            self._snapshot_id, block.index, block.view(), block.digest, block.release
        )
        self._ledger.mark_acknowledged(block.index, digest)
        self._progress.blocks_put += 1

    patch.setattr(PutPath, "_recorded", recorded)


def the_budget_is_not_waited_for(patch):
    async def acquire(self, size_bytes):
        self._take(size_bytes)

    patch.setattr(ByteBudget, "acquire", acquire)


def a_changed_source_is_forgotten_by_the_second_run(patch):
    take_up = start_or_resume.take_up

    def forgetful(place, live, *, only_wait):
        born = take_up(place, live, only_wait=only_wait)
        identity = place.source.identity.as_dict()
        place.ledger.amend(replace(place.ledger.header, source_identity=identity))
        return born

    patch.setattr(start_or_resume, "take_up", forgetful)


def the_source_is_not_looked_at_before_the_seal(patch):
    patch.setattr(volume, "_check_source", lambda *_: None)


def failed_puts_are_repeated_after_a_stop(patch):
    async def drain(self, grace_s):
        if self._puts:
            await asyncio.wait(self._puts, timeout=grace_s)
        for task in self._puts:
            task.cancel()
        if self._puts:
            await asyncio.wait(self._puts)

    patch.setattr(Uploader, "drain", drain)


def puts_in_flight_outlive_the_run(patch):
    async def drain(self, grace_s):
        self._stopping.set()

    patch.setattr(Uploader, "drain", drain)


def an_encrypted_snapshot_lacks_its_zeros(patch):
    patch.setattr(
        encryption,
        "resolve_zero_policy",
        lambda requested, **_: resolve_zero_policy(requested, encrypted=False),
    )


def an_earlier_snapshot_is_reported_unread(patch):
    patch.setattr(earlier_run, "decide_answer", lambda *_, **__: EarlierAnswer.REPORT)


def a_comparison_ends_too_soon(patch):
    async def survey(*_):
        return Tally()

    patch.setattr(earlier_run, "survey_blocks", survey)


def every_identity_is_believed(patch):
    for module in (resume, resume_decision):
        patch.setattr(
            module,
            "trusts",
            lambda _, source, recorded: dict(recorded) == source.identity.as_dict(),
        )


def ec2_is_not_asked_about_encryption(patch):
    async def ask(context, started, requested, *, encrypted):
        zeros = encryption.resolved_zeros(context, requested, encrypted=encrypted)
        return encryption.KnownEncryption(encrypted, zeros)

    patch.setattr(start_snapshot, "ask_encryption", ask)
    patch.setattr(encryption, "lacks_blocks", lambda *_: False)


def the_token_of_a_dead_snapshot_is_used_again(patch):
    patch.setattr(ledger, "client_token", lambda *_: "always-the-same")


def the_end_is_not_waited_for(patch):
    async def wait(snapshot_id, limit_s, snapshots):
        await snapshots.clock.sleep(0)

    patch.setattr(complete_snapshot, "wait_until_completed", wait)


def acknowledged_blocks_are_sent_again(patch):
    real = decide_module.decide

    def decide(hashed, states, acknowledged, baseline, *, skip_zeros):
        return real(hashed, states, acknowledged ^ 1, baseline, skip_zeros=skip_zeros)

    patch.setattr("bulkput.pipeline.uploader.decide", decide)


def acknowledgements_are_not_written(patch):
    patch.setattr(Marks, "mark_acknowledged", lambda *_: None)


def unreadable_blocks_become_zeros(patch):
    real = Hasher._hash

    def hash_(self, piece):
        try:
            return real(self, piece)
        except SourceError:
            return hash_hole(piece.start, piece.stop - piece.start)

    patch.setattr(Hasher, "_hash", hash_)


def nothing_is_ever_repeated(patch):
    patch.setattr(Retrier, "_delay_s", lambda *_: None)
    patch.setattr(Retrier, "run", _raise_runtime_error)


async def _raise_runtime_error(self, call, on_retry):
    try:
        return await call()
    except Exception as error:
        raise RuntimeError("not translated") from error


def a_failed_volume_hangs(patch):
    async def put_one(self, block):
        try:
            await self._put(block)
        except Exception:  # noqa: BLE001 - the bug
            await asyncio.get_running_loop().create_future()

    patch.setattr(Uploader, "_put_one", put_one)
    patch.setattr(Uploader, "_watch", lambda self: asyncio.sleep(10**9))


BUGS = (
    acknowledged_before_the_put,
    sent_only_in_the_ledger_after_the_put,
    zeros_that_were_sent_as_data_are_skipped,
    holes_that_were_sent_as_data_are_skipped,
    the_aggregate_is_of_the_first_reading,
    the_budget_is_not_waited_for,
    a_changed_source_is_forgotten_by_the_second_run,
    the_source_is_not_looked_at_before_the_seal,
    failed_puts_are_repeated_after_a_stop,
    puts_in_flight_outlive_the_run,
    an_encrypted_snapshot_lacks_its_zeros,
    an_earlier_snapshot_is_reported_unread,
    a_comparison_ends_too_soon,
    every_identity_is_believed,
    ec2_is_not_asked_about_encryption,
    the_token_of_a_dead_snapshot_is_used_again,
    the_end_is_not_waited_for,
    acknowledged_blocks_are_sent_again,
    acknowledgements_are_not_written,
    unreadable_blocks_become_zeros,
    nothing_is_ever_repeated,
    a_failed_volume_hangs,
)

"""A job is the unit of done: until all of it is, nothing of it is made twice."""

from collections import Counter

import pytest
from support.job_files import NAMES, ids, with_size
from support.served import Served

from bulkput import load_job, run
from bulkput.emulator.faults import FaultKind
from bulkput.jobs.run import run_job
from bulkput.jobs.state import delivery, job_round
from bulkput.jobs.state.job_record import read_record, record_path
from bulkput.model.events import NullObserver, PhaseChanged, VolumeEnded


class KilledError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(("kind", "code"), [("a missing file", 6), ("a volume too small", 3)])
async def test_what_is_completed_is_reported_and_not_made_again(write, fail, snapshots, kind, code):
    edit = str if kind == "a missing file" else with_size
    path = write(*NAMES, edit=edit)
    mend = fail(kind)
    first = await run(load_job(path, environ={}))
    assert [each.exit_code for each in first] == [0, code, 0, 0, 0]
    mend()
    second = await run(load_job(path, environ={}))
    assert [each.exit_code for each in second] == [0] * 5
    assert [each.snapshot_id for each in second if each.volume != "b.img"] == [
        each.snapshot_id for each in first if each.volume != "b.img"
    ]
    assert snapshots() == dict.fromkeys(NAMES, 1)


@pytest.mark.parametrize(
    ("operation", "more", "code"),
    [
        ("StartSnapshot", {}, 4),
        (
            "StartSnapshot",
            {
                "kind": FaultKind.ERROR,
                "http_status": 400,
                "code": "ValidationException",
                "reason": "INVALID_PARAMETER_VALUE",
                "message": "The description cannot be used.",
            },
            7,
        ),
        ("PutSnapshotBlock", {}, 4),
        ("CompleteSnapshot", {}, 4),
    ],
)
async def test_it_is_so_for_every_class_of_error_of_the_service(
    write, account, snapshots, operation, more, code
):
    path = write(*NAMES)
    account.fail(operation, **more)
    first = await run(load_job(path, environ={}))
    assert sorted(each.exit_code for each in first) == [0, 0, 0, 0, code]
    assert len(await ids(path)) == 5
    assert snapshots() == dict.fromkeys(NAMES, 1)


IMPATIENT = "tuning: {operation_deadline: 1s, give_up_after: 1s, "
"""Whoever would wait for the service gives up within the test."""

LASTING = {
    "expired token": ("PutSnapshotBlock", {"kind": FaultKind.EXPIRED_TOKEN}, 4),
    "pending snapshots": (
        "StartSnapshot",
        {"kind": FaultKind.ERROR, "http_status": 400, "code": "ConcurrentLimitExceededException"},
        9,
    ),
    "quota": (
        "StartSnapshot",
        {"kind": FaultKind.ERROR, "http_status": 402, "code": "ServiceQuotaExceededException"},
        9,
    ),
    "refused key": ("PutSnapshotBlock", {"kind": FaultKind.KMS_REFUSED}, 4),
    "key that is gone": ("StartSnapshot", {"kind": FaultKind.KMS_KEY}, 4),
    "throttles of the snapshot": ("PutSnapshotBlock", {"kind": FaultKind.THROTTLE_SNAPSHOT}, 5),
    "throttles of the account": ("StartSnapshot", {"kind": FaultKind.THROTTLE_ACCOUNT}, 5),
    "no answers": ("PutSnapshotBlock", {"kind": FaultKind.CLOSE_EARLY}, 5),
    "errors of the service": ("CompleteSnapshot", {"kind": FaultKind.HTML_503}, 5),
}


@pytest.mark.parametrize("kind", LASTING)
async def test_it_is_so_for_what_lasts_until_it_is_mended(write, account, snapshots, kind):
    operation, fault, code = LASTING[kind]
    path = write(*NAMES, edit=lambda text: text.replace("tuning: {", IMPATIENT))
    # The first volume is done by then: it has one start, two puts and one completion.
    nth = 3 if operation == "PutSnapshotBlock" else 2
    account.fail(operation, times=None, nth=nth, **fault)
    first = await run(load_job(path, environ={}))
    assert [each.exit_code for each in first] == [0, *[code] * 4]
    account.emulator.faults.clear()
    second = await run(load_job(path, environ={}))
    assert [each.exit_code for each in second] == [0] * 5
    assert second[0].snapshot_id == first[0].snapshot_id
    assert snapshots() == dict.fromkeys(NAMES, 1)


async def test_it_is_so_after_an_outage(write, account, tmp_path):
    """The server is gone after the first volume, and comes back at its address."""
    server = Served(tmp_path / "emulator")

    def edit(text):
        return text.replace("tuning: {", IMPATIENT).replace(account.url, server.url)

    def leave(event):
        if isinstance(event, VolumeEnded) and event.outcome.volume == "a.img":
            server.stop()

    path = write(*NAMES, edit=edit)
    first = await run(load_job(path, environ={}), on_event=leave)
    assert [each.exit_code for each in first] == [0, 5, 5, 5, 5]
    server = Served(tmp_path / "emulator", port=int(server.url.rpartition(":")[2]))
    second = await run(load_job(path, environ={}))
    made = Counter(server.tags(each)["Of"] for each in server.states())
    server.stop()
    assert [each.exit_code for each in second] == [0] * 5
    assert second[0].snapshot_id == first[0].snapshot_id
    assert made == dict.fromkeys(NAMES, 1)


async def test_it_is_so_for_a_source_that_changes_meanwhile(write, tmp_path, image, snapshots):
    path = write(*NAMES)

    def change_it(event):
        if isinstance(event, PhaseChanged) and event.volume == "b.img":
            image("b.img", blocks=2, seed=2)

    first = await run(load_job(path, environ={}), on_event=change_it)
    assert [each.exit_code for each in first] == [0, 6, 0, 0, 0]
    second = await run(load_job(path, environ={}))
    assert [each.exit_code for each in second] == [0] * 5
    assert snapshots() == dict.fromkeys(NAMES, 1)


@pytest.mark.parametrize("rerun", ["with a failure", "whole"])
@pytest.mark.parametrize("step", range(12))
async def test_killed_between_any_two_steps_nothing_is_made_twice(
    write, tmp_path, image, snapshots, monkeypatch, rerun, step
):
    """Every write of the end of a run is the last one of some process."""
    path = write("a.img", "b.img", "c.img")
    if rerun == "with a failure":
        (tmp_path / "c.img").unlink()
        await ids(path)
        image("c.img", blocks=2)
    left = step

    def dying(write_it):
        def write_or_die(*args, **more):
            nonlocal left
            if left <= 0:
                raise KilledError
            left -= 1
            return write_it(*args, **more)

        return write_or_die

    record = record_path(tmp_path / "state", load_job(path, environ={}).request.identity)
    delivered = False
    with monkeypatch.context() as patched:
        patched.setattr(job_round, "write_record", dying(job_round.write_record))
        patched.setattr(job_round, "write_header", dying(job_round.write_header))
        job = load_job(path, environ={})
        try:
            outcomes = await run_job(job, observer=NullObserver())
            delivery.deliver(job, outcomes)
        except BaseExceptionGroup as group:
            assert group.subgroup(KilledError)  # noqa: PT017 - of the worker thread
        except KilledError:
            pass
        found = read_record(record)
        delivered = found is not None and found.delivered
    await ids(path)
    wanted = 2 if delivered else 1
    assert snapshots() == {"a.img": wanted, "b.img": wanted, "c.img": wanted}

"""A job is the unit of done: until all of it is, nothing of it is made twice."""

import dataclasses
import threading
from collections import Counter

import pytest
from support.served import BLOCK, Served

from bulkput import load_job, run
from bulkput.config.expansion import Inputs
from bulkput.config.load import load_settings
from bulkput.emulator.faults import FaultKind
from bulkput.jobs.run import run_job
from bulkput.jobs.state import delivery, job_round
from bulkput.jobs.state.job_record import read_record, read_records, record_path
from bulkput.model.events import NullObserver, PhaseChanged, VolumeEnded

NAMES = ("a.img", "b.img", "c.img", "d.img", "e.img")


class KilledError(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    running = Served(tmp_path_factory.mktemp("emulator"))
    yield running
    running.stop()


@pytest.fixture
def before(account):
    """Snapshots of other tests, which do not count."""
    return set(account.states())


@pytest.fixture
def snapshots(account, before):
    """Count the snapshots that this test made, by the names in their tags."""

    def count():
        return Counter(account.tags(each)["Of"] for each in account.states() if each not in before)

    return count


@pytest.fixture
def write(account, image, tmp_path):
    """Write a job of these images; all of it may be changed by ``edit``."""

    def job(*names, edit=lambda text: text):
        for name in names:
            if not (tmp_path / name).exists():
                image(name, blocks=2)
        volumes = "".join(f"  - source: {tmp_path / name}\n" for name in names)
        text = (
            f"version: 1\nregion: us-east-1\nendpoint: {account.url}\nstate_dir: state\n"
            f"tuning: {{window: {BLOCK}}}\n"
            f'defaults: {{snapshot: {{tags: {{Of: "${{source.name}}"}}}}}}\nvolumes:\n{volumes}'
        )
        path = tmp_path / "job.yaml"
        path.write_text(edit(text))
        return path

    return job


async def ids(path, **inputs):
    outcomes = await run(load_settings(path, environ={}, inputs=Inputs(**inputs)).settings)
    return {each.volume: each.snapshot_id for each in outcomes if not each.exit_code}


def requested(path, **changes):
    job = load_job(path, environ={})
    return job.requested(dataclasses.replace(job.request, **changes))


@pytest.fixture
def fail(tmp_path):
    """Let ``b.img`` fail so, and return what mends it."""

    def arrange(kind):
        path = tmp_path / "b.img"
        if kind == "a missing file":
            moved = path.rename(tmp_path / "away")
            return lambda: moved.rename(path)
        content = path.read_bytes()
        with path.open("r+b") as file:
            file.truncate((1 << 30) + 1)
        return lambda: path.write_bytes(content)

    return arrange


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


def with_size(text):
    return text.replace("snapshot: {", "snapshot: {volume_size_gib: 1, ")


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


async def test_after_a_whole_success_the_next_run_begins_anew(write, snapshots):
    path = write("a.img", "b.img")
    first = await ids(path)
    second = await ids(path)
    assert not set(first.values()) & set(second.values())
    assert snapshots() == {"a.img": 2, "b.img": 2}


async def test_fresh_begins_anew_at_any_time(write, tmp_path, snapshots):
    path = write("a.img", "b.img")
    (tmp_path / "b.img").unlink()
    await ids(path)
    outcomes = await run(requested(path, begin="fresh"))
    assert [each.exit_code for each in outcomes] == [0, 6]
    assert snapshots() == {"a.img": 2}


async def test_a_rerun_after_a_whole_success_does_nothing(write, snapshots):
    path = write("a.img", "b.img")
    await ids(path)
    assert await run(requested(path, begin="rerun")) == ()
    assert snapshots() == {"a.img": 1, "b.img": 1}


async def test_a_rerun_works_on_what_failed(write, tmp_path, image, snapshots):
    path = write("a.img", "b.img")
    (tmp_path / "b.img").unlink()
    await ids(path)
    image("b.img", blocks=2)
    outcomes = await run(requested(path, begin="rerun"))
    assert [each.exit_code for each in outcomes] == [0, 0]
    assert snapshots() == {"a.img": 1, "b.img": 1}


async def test_volumes_come_and_go_while_the_others_stand(write, tmp_path, snapshots):
    path = write("a.img", "b.img", "c.img")
    (tmp_path / "c.img").unlink()
    first = await ids(path)
    path = write("a.img", "d.img", "b.img")
    second = await ids(path)
    assert first.items() <= second.items()
    assert snapshots() == {"a.img": 1, "b.img": 1, "d.img": 1}


async def test_a_volume_of_the_same_file_name_renames_none_that_is_done(
    write, tmp_path, image, snapshots
):
    path = write("a.img", "b.img")
    (tmp_path / "b.img").unlink()
    first = await ids(path)
    (tmp_path / "more").mkdir()
    image("more/a.img", blocks=2)
    second = await ids(write("a.img", "more/a.img"))
    assert second[f"{tmp_path.name}_a.img"] == first["a.img"]
    assert snapshots() == {"a.img": 2}


@pytest.mark.parametrize(
    "change",
    [
        ("Of: ", "Owner: me, Of: "),
        ("snapshot: {", "snapshot: {description: x, "),
        ("defaults: {", "defaults: {zeros: write, "),
    ],
)
async def test_a_section_that_changed_is_made_anew(write, tmp_path, snapshots, change):
    path = write("a.img", "b.img")
    (tmp_path / "b.img").unlink()
    await ids(path)
    path.write_text(path.read_text().replace(*change))
    await ids(path)
    assert snapshots() == {"a.img": 2}


@pytest.mark.parametrize(
    "change",
    [
        ("defaults: {", "defaults: {verify: full, "),
        ("defaults: {", "defaults: {resume: verify, on_failure: delete, "),
        ("version: 1", "version: 1\nparallel: 2\norder: size"),
    ],
)
async def test_what_only_says_how_makes_nothing_anew(write, tmp_path, snapshots, change):
    path = write("a.img", "b.img")
    (tmp_path / "b.img").unlink()
    await ids(path)
    path.write_text(path.read_text().replace(*change))
    await ids(path)
    assert snapshots() == {"a.img": 1}


async def test_a_source_that_changed_is_made_anew(write, tmp_path, image, snapshots):
    path = write("a.img", "b.img")
    (tmp_path / "b.img").unlink()
    await ids(path)
    image("a.img", blocks=2, seed=2)
    await ids(path)
    assert snapshots() == {"a.img": 2}


async def test_a_part_of_the_job_is_not_all_of_it(write, snapshots):
    path = write("a.img", "b.img")
    job = load_job(path, environ={})
    for _ in range(2):
        request = dataclasses.replace(job.request, left_out=job.volumes[1:])
        await run(job.requested(request, job.volumes[:1]))
    assert snapshots() == {"a.img": 1}
    await ids(path)
    assert snapshots() == {"a.img": 1, "b.img": 1}
    await ids(path)
    assert snapshots() == {"a.img": 2, "b.img": 2}


async def test_fresh_of_a_part_leaves_the_others_as_they_are(write, tmp_path, snapshots):
    path = write("a.img", "b.img", "c.img")
    (tmp_path / "c.img").unlink()
    await ids(path)
    job = load_job(path, environ={})
    left_out = (job.volumes[0], job.volumes[2])
    request = dataclasses.replace(job.request, left_out=left_out, begin="fresh")
    await run(job.requested(request, job.volumes[1:2]))
    assert snapshots() == {"a.img": 1, "b.img": 2}
    await ids(write("a.img", "b.img", "c.img"))
    assert snapshots() == {"a.img": 1, "b.img": 2, "c.img": 1}


async def test_two_runs_of_parts_of_a_job_keep_what_the_other_has_noted(
    write, tmp_path, snapshots, monkeypatch
):
    """One ends while the other is between reading the job's record and writing it."""
    path = write("a.img", "b.img")
    job = load_job(path, environ={})
    parts = [
        job.requested(dataclasses.replace(job.request, left_out=left_out), chosen)
        for chosen, left_out in (
            (job.volumes[:1], job.volumes[1:]),
            (job.volumes[1:], job.volumes[:1]),
        )
    ]
    outcomes = [await run_job(part, observer=NullObserver()) for part in parts]
    other = threading.Thread(target=delivery.deliver, args=(parts[1], outcomes[1]))

    def read_meanwhile(at):
        found = read_record(at)
        if other.ident is None:
            other.start()
            other.join(0.2)  # unless it is kept waiting, it is done by then
        return found

    monkeypatch.setattr(job_round, "read_record", read_meanwhile)
    delivery.deliver(parts[0], outcomes[0])
    other.join(30)
    record = read_record(record_path(tmp_path / "state", job.request.identity))
    assert [each.status for each in record.volumes.values()] == ["completed"] * 2
    assert record.delivered
    assert snapshots() == {"a.img": 1, "b.img": 1}


async def test_the_date_of_a_round_is_kept_for_its_reruns(write, tmp_path, snapshots):
    path = write("a.img", "b.img", edit=lambda text: text.replace("Of: ", 'On: "${date}", Of: '))
    (tmp_path / "b.img").unlink()
    await ids(path, date="2026-01-31")
    (record,) = read_records(tmp_path / "state")
    assert (record.date, record.delivered) == ("2026-01-31", False)
    await ids(path, date=record.date)
    assert snapshots() == {"a.img": 1}


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

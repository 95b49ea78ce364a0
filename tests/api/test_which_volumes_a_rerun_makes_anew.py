"""What a run of a job makes anew, and what it leaves as an earlier one made it."""

import dataclasses
import threading

import pytest
from support.job_files import ids, requested

from bulkput import load_job, run
from bulkput.jobs.run import run_job
from bulkput.jobs.state import delivery, job_round
from bulkput.jobs.state.job_record import read_record, read_records, record_path
from bulkput.model.events import Noted, NullObserver


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


@pytest.mark.parametrize("change", ["renamed", "removed", "none"])
async def test_a_volume_that_left_the_job_in_mid_round_is_named_with_its_snapshot(
    write, tmp_path, change
):
    path = write("a.img", "b.img", "c.img")
    (tmp_path / "b.img").unlink()
    first = await ids(path)
    section = f"  - source: {tmp_path / 'a.img'}\n"
    instead = {"renamed": f"{section}    name: other\n", "removed": "", "none": section}[change]
    path.write_text(path.read_text().replace(section, instead))

    async def departed():
        events = []
        await run(load_job(path, environ={}), on_event=events.append)
        notes = [each for each in events if isinstance(each, Noted)]
        return [(each.volume, each.text) for each in notes if "no volume of that" in each.text]

    found = await departed()
    assert [label for label, _ in found] == ([] if change == "none" else ["a.img"])
    assert all(f"{first['a.img']} is completed, and kept" in text for _, text in found)
    assert await departed() == []  # once: the round has it no more

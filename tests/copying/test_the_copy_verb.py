"""``bulkput copy`` on the command line, called in this process."""

import contextlib
import json

import pytest

from bulkput.cli.main import status_of

HERE, THERE = "eu-west-1", "us-west-2"


@pytest.fixture
def bulkput(accounts, capfd, tmp_path, monkeypatch):
    """Call ``bulkput copy SNAPSHOT`` from here to there; returns status, stdout and stderr."""
    here, there = accounts
    monkeypatch.chdir(tmp_path)

    def call(snapshot_id, *more):
        capfd.readouterr()
        status = status_of(
            [
                *("copy", snapshot_id, "--state-dir", str(tmp_path / "state")),
                *("--region", HERE, "--profile", "here", "--endpoint-url", here.url),
                *("--to-region", THERE, "--to-profile", "there", "--to-endpoint-url", there.url),
                *more,
            ]
        )
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return call


def test_a_copy_by_flags_prints_the_new_snapshot_alone(accounts, bulkput, blocks):
    here, there = accounts
    content = blocks(0, 9)
    status, out, err = bulkput(here.make(content), "--tag", "Name=copy", "--verify", "--quiet")
    assert (status, err) == (0, "")
    assert there.read(out.strip()) == content
    tags = {tag["Key"]: tag["Value"] for tag in there.described(out.strip())["Tags"]}
    assert tags["Name"] == "copy"


def test_json_names_the_source_with_its_region(accounts, bulkput, blocks):
    here, _ = accounts
    snapshot_id = here.make(blocks(1))
    status, out, err = bulkput(snapshot_id, "--output", "json", "--no-wait")
    reported = json.loads(out)
    assert (status, reported["status"], reported["volume"]) == (0, "pending", snapshot_id)
    assert reported["source"].startswith(f"{snapshot_id}@{HERE}")
    assert "pending" in err


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (("--tag", "x"), 3, "--tag: expected Key=Value"),
        (("--to-region", "there"), 3, "--to-region: expected a Region"),
        (("--unencrypted", "--kms-key-arn", "arn:aws:kms:us-west-2:1:key/1"), 3, "--kms-key-arn"),
        (("--zeros", "skip"), 2, "--zeros"),
        (("--processes", "0"), 3, "--processes: expected auto, or a whole number from 1 to 64"),
    ],
)
def test_wrong_flags_are_reported_by_their_own_names(bulkput, more, code, words):
    status, out, err = bulkput("snap-0123456789abcdef0", *more)
    assert (status, out) == (code, "")
    assert words in err
    assert "Traceback" not in err


def test_a_snapshot_that_is_not_there_is_an_error_of_its_own(bulkput):
    status, _, err = bulkput("snap-00000000000000bad")
    assert status == 7
    assert "snap-00000000000000bad: EC2 does not know it in eu-west-1" in err


def test_what_is_no_snapshot_is_a_mistake_of_the_command_line(bulkput):
    status, _, err = bulkput("web.img")
    assert (status, "SNAPSHOT: expected a snapshot's id" in err) == (3, True)


@pytest.mark.parametrize(
    ("more", "processes"),
    [((), 3), (("--processes", "2"), 2), (("--processes", "auto"), "auto")],
    ids=["file", "flag", "auto"],
)
def test_how_many_processes_copy_is_the_files_or_the_flags(
    accounts, bulkput, blocks, tmp_path, monkeypatch, more, processes
):
    here, _ = accounts
    opened = []

    @contextlib.asynccontextmanager
    async def open_lanes(parts):
        opened.append(parts)
        yield None

    monkeypatch.setattr("bulkput.jobs.copy.copy_snapshot.open_lanes", open_lanes)
    file = tmp_path / "tuning.yaml"
    file.write_text("version: 1\ntuning:\n  processes: 3\n")
    status, _, err = bulkput(here.make(blocks(0)), "--config", str(file), "--quiet", *more)
    assert (status, err) == (0, "")
    (parts,) = opened
    assert parts.settings.tuning.processes == processes
    assert (parts.settings.region, parts.settings.profile) == (THERE, "there")
    assert (parts.source.settings.region, parts.source.settings.profile) == (HERE, "here")

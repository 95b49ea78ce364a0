"""One attempt at a volume, by a real process against the emulator."""

from support.fleet_actors import Handle, Mailbox, Quota

from bulkput.fleet.protocol import VolumeProgress
from bulkput.fleet.volume_task import run_volume


def test_a_volume_is_uploaded_by_a_process_of_its_own(served, disk, ordered):
    server, source = served(), disk()
    quota, mailbox = Quota(), Mailbox()
    end = run_volume(ordered(server, source), Handle(quota), Handle(mailbox))
    assert end.outcome.error is None, (end.outcome.error, end.last_words)
    assert (end.outcome.status, end.outcome.blocks["put"]) == ("completed", 3)
    assert end.last_words == ""
    assert server.content(end.outcome.snapshot_id, 3) == source.read_bytes()
    assert mailbox.of(VolumeProgress)[-1].progress.blocks_put == 3
    assert [leave.is_pending for leave in quota.left] == [False]

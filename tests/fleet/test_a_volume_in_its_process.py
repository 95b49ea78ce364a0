"""One attempt at a volume, by a real process against the emulator."""

import os
from pathlib import Path

from support.fleet_actors import Handle, Mailbox, Quota
from support.fleet_task import children_of

from bulkput.fleet.protocol import VolumeProgress
from bulkput.fleet.volume_task import run_volume
from bulkput.model.events import PhaseChanged, VolumeEnded, VolumeStarted


def pipes_and_pairs():
    """Return how many this process has open: the emulator's thread has neither come nor go."""
    lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    pairs = {f"socket:[{line.split()[6]}]" for line in lines}
    names = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.exists()]
    return sum(name in pairs or name.startswith("pipe:") for name in names)


def test_a_volume_is_uploaded_by_a_process_of_its_own(served, disk, ordered, monkeypatch):
    server, source = served(), disk()
    quota, mailbox = Quota(), Mailbox()
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    seen = []

    def look(volume, client, messages):
        seen.extend(Path(f"/proc/{pid}/environ").read_bytes() for pid in children_of(os.getpid()))
        return Mailbox.push(mailbox, volume, client, messages)

    mailbox.push = look
    before = pipes_and_pairs()
    end = run_volume(ordered(server, source), Handle(quota), Handle(mailbox))
    assert end.outcome.error is None, (end.outcome.error, end.last_words)
    assert (end.outcome.status, end.outcome.blocks["put"]) == ("completed", 3)
    assert end.last_words == ""
    assert server.content(end.outcome.snapshot_id, 3) == source.read_bytes()
    assert mailbox.of(VolumeProgress)[-1].progress.blocks_put == 3
    assert len(mailbox.of(VolumeStarted)) == 1
    assert "waiting" in [each.phase for each in mailbox.of(PhaseChanged)]
    assert not mailbox.of(VolumeEnded), "it is the result"
    assert [leave.is_pending for leave in quota.left] == [False]
    assert seen
    assert not any(b"RAY_" in environ for environ in seen)
    assert not children_of(os.getpid())
    assert pipes_and_pairs() == before

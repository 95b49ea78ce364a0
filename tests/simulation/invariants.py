"""What must hold at every step of a history, whatever happens: looked at, never brought about."""

from simulation.contents import ZEROS, digest

from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.header_file import read_header
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.record import State
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import BulkputError
from bulkput.model.zeros import ZeroPolicy


class Violation(AssertionError):  # noqa: N818 - of an invariant; the word says it all
    """The engine did what it must never do."""


class Proof:
    """The half of a history that compares; the other half has machine, disk and service."""

    def _folder(self):
        return next(path.parent for path in sorted(self.machine.folder.rglob("ledger.json")))

    def _header(self):
        try:
            return read_header(self._folder())
        except (StopIteration, BulkputError):
            return None

    def _settled_before(self):
        """Return the blocks that the next run must not send: acknowledged, and as they are now."""
        header = self._header()
        if header is None or header.phase is not LedgerPhase.UPLOADING:
            return {}
        if header.block_count != len(self.disk.blocks):
            return {}
        try:
            ledger = Ledger.view(self._folder())
        except BulkputError:  # a power cut may have taken the table
            return {}
        with ledger:
            states = ledger.states(0, header.block_count)
            return {
                index: header.snapshot_id
                for index, block in enumerate(self.disk.blocks)
                if states[index] == State.ACKNOWLEDGED
                and ledger.digest(index) == digest(block or ZEROS)
            }

    # What must hold.

    def _check_put(self, snapshot_id, index, number):
        if self.settled.get(index) == snapshot_id and len(self.disk.seen[index]) == 1:
            self.machine.violate(f"block {index} was acknowledged and is sent again")
        del number

    def _check_complete(self, snapshot, count, checksum):
        """Whether a CompleteSnapshot is right, at the moment it reaches the service."""
        if snapshot.snapshot_id not in self.sealed:
            self._seal(snapshot.snapshot_id)
            if not any(source.checked for source in self.sources):
                self.machine.violate("sealed without a look at the source's identity")
        if snapshot.crossed or snapshot.state != "pending":
            return  # the service refuses it by count or checksum
        if snapshot.linear != (count, checksum):
            self.machine.violate(f"count or checksum is wrong: {(count, checksum)}")
        self._compare(snapshot)

    def _seal(self, snapshot_id):
        self.sealed[snapshot_id] = (
            [set(seen) for seen in self.disk.seen],
            self.volume.zeros,
        )

    def _remember_seal(self):
        header = self._header()
        if header is None or header.phase is not LedgerPhase.SEALING:
            return
        if header.snapshot_id not in self.sealed:
            self._seal(header.snapshot_id)

    def _compare(self, snapshot):
        """The snapshot shows the source at every index; what is absent may be absent."""
        seen, zeros = self.sealed[snapshot.snapshot_id]
        for index, numbers in enumerate(seen):
            shown = {number or ZEROS for number in numbers}
            if index in snapshot.blocks:
                if snapshot.blocks[index] not in shown:
                    self.machine.violate(f"block {index} differs from the source")
            elif not _may_be_absent(numbers, zeros, encrypted=snapshot.encrypted):
                self.machine.violate(f"block {index} is missing under {zeros}")
        if any(index >= len(seen) for index in snapshot.blocks):
            self.machine.violate("blocks behind the source's end")

    def _compare_with_this_run(self, snapshot):
        """A snapshot that a run reports shows what the source held while this very run lasted."""
        for index, numbers in enumerate(self.disk.seen):
            shown = {number or ZEROS for number in numbers}
            if snapshot.blocks.get(index, ZEROS) not in shown:
                self.machine.violate(f"block {index} is reported as it was before this run")

    def _check_end(self, ended):
        machine, outcome = self.machine, ended.outcome
        budget_blocks = self.tuning.memory_budget_bytes // BLOCK_SIZE_BYTES
        held_blocks_max = self.disk.resident_blocks_max
        if self.volume.verify == "none" and held_blocks_max > budget_blocks:
            machine.violate(f"{held_blocks_max} blocks were held at once")
        if outcome is not None and outcome.exit_code == 0:
            self.service.settle(self.unix_s)
            snapshot = self.service.snapshots.get(outcome.snapshot_id)
            if snapshot is None or snapshot.sealed is None:
                machine.violate(f"{outcome.snapshot_id} is not sealed")
            else:
                # Crossed and reported without waiting: the service refuses the seal later.
                if not snapshot.crossed or snapshot.sealed == snapshot.linear:
                    self._compare(snapshot)
                    self._compare_with_this_run(snapshot)
                if self.volume.snapshot.wait and snapshot.state != "completed":
                    machine.violate(f"{outcome.snapshot_id} is {snapshot.state}")
        if not machine.dead and not self.script_hit_ledger():
            self._check_acknowledged(ended.line)
        if machine.violations:
            self._fail("; ".join(machine.violations))

    def script_hit_ledger(self):
        """Whether the state folder's disk failed in this run."""
        return any(what.startswith("ledger") for what, _ in self.script)

    def _check_acknowledged(self, line):
        """Everything that was acknowledged is in the ledger when a run has ended in order."""
        header = self._header()
        if header is None or header.snapshot_id is None or not line.acknowledged:
            return
        with Ledger.view(self._folder()) as ledger:
            for index, expected in line.acknowledged.items():
                if ledger.digest(index) != expected:
                    self.machine.violate(f"block {index} was acknowledged and forgotten")

    def _fail(self, what):
        raise Violation(
            f"seed {self.seed}, run {self.run_number}: {what}\nrepeat with BULKPUT_SEED={self.seed}"
        )


def _may_be_absent(numbers, zeros, *, encrypted):
    if encrypted or zeros is ZeroPolicy.WRITE:
        return False
    if zeros is ZeroPolicy.SKIP_HOLES:
        return None in numbers
    return bool({None, ZEROS} & numbers)

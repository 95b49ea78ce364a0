"""An emulator on a loopback socket, served from a thread of this process: tests script its faults
and read its store, while the program under test is called in this process or in another.
"""

from support.emulator_thread import EmulatorThread

from bulkput.emulator.faults import Fault, FaultKind
from bulkput.emulator.options import DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, EmulatorOptions

BLOCK = 524_288
TAGS_DENIED = (
    "User: arn:aws:iam::000000000000:user/u is not authorized to perform: ec2:CreateTags on "
    "resource: arn:aws:ec2:us-east-1::snapshot/* because no identity-based policy allows the "
    "ec2:CreateTags action"
)


class Served(EmulatorThread):
    """The emulator and what it holds."""

    def __init__(self, root, **options):
        options = {
            "completion_delay_s": 0.0,
            "resource_delay_s": 0.0,
            "starts_per_s": None,
            **options,
        }
        super().__init__(EmulatorOptions(root=root, **options))

    def environment(self, state_dir):
        """Return the variables that lead the program here and nowhere else."""
        return {
            "BULKPUT_ENDPOINT": self.url,
            "BULKPUT_STATE_DIR": str(state_dir),
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": DEFAULT_ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": DEFAULT_SECRET_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def fail(self, operation, kind=FaultKind.ACCESS_DENIED, **more):
        """Let the next call of ``operation`` fail."""
        self.emulator.faults.add(Fault(kind=kind, operation=operation, **more))

    def deny_tags(self):
        """Refuse the next start as IAM does where ec2:CreateTags is not allowed."""
        self.fail(
            "StartSnapshot",
            FaultKind.ERROR,
            http_status=403,
            code="AccessDeniedException",
            message=TAGS_DENIED,
        )

    def tags(self, snapshot_id):
        return dict(self.emulator.store.get(snapshot_id).record.tags or ())

    def content(self, snapshot_id, blocks):
        """Return what the first blocks of a snapshot read as, those that it lacks as zeros."""
        snapshot = self.emulator.store.get(snapshot_id)
        layers = [(index, snapshot.find(index)) for index in range(blocks)]
        return b"".join(layer.read(at) if layer else bytes(BLOCK) for at, layer in layers)

    def states(self):
        """Return the state of every snapshot that ever was."""
        now_unix_s = self.emulator.account.clock.unix_s()
        return {
            each.record.snapshot_id: str(each.state(now_unix_s)[0]) for each in self.emulator.store
        }

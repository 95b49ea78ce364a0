"""Hosts with networks of their own on this machine: namespaces of the kernel, on two bridges.

By one bridge hosts reach each other, by the other the emulator and the store, which are in the
namespace of the test. So a host can be cut off from its cluster and go on putting.
"""

import contextlib
import subprocess

CLUSTER, SERVICES = "10.199.0", "10.199.1"
TEST = 1
"""The last number of the test's own addresses."""
DRIVER_IS_ON = "a"


def _ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


class Namespaces:
    """Those of hosts with these names, until ``close``."""

    def __init__(self, *names):
        self.names = names
        self.services = f"{SERVICES}.{TEST}"
        self.disks = None
        """A folder; if given, each host has a part of it as ``own_disk``, where Ray's files are.

        Else Ray takes the folder of the head for that of all nodes, which it is on one machine.
        """

    def open(self):
        for number, net in enumerate((CLUSTER, SERVICES)):
            _ip("link", "add", f"bpt{number}", "type", "bridge")
            _ip("addr", "add", f"{net}.{TEST}/24", "dev", f"bpt{number}")
            _ip("link", "set", f"bpt{number}", "up")
        for name in self.names:
            space = f"bpt-{name}"
            _ip("netns", "add", space)
            _ip("-n", space, "link", "set", "lo", "up")
            for number, net in enumerate((CLUSTER, SERVICES)):
                outer, inner = f"bpt{number}-{name}", f"eth{number}"
                _ip(*("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", space))
                _ip("link", "set", outer, "master", f"bpt{number}")
                _ip("link", "set", outer, "up")
                _ip("-n", space, "addr", "add", f"{net}.{self._number(name)}/24", "dev", inner)
                _ip("-n", space, "link", "set", inner, "up")
            # By it a host finds out which of its addresses is its own.
            _ip("-n", space, "route", "add", "default", "via", f"{CLUSTER}.{TEST}")

    def close(self):
        for name in self.names:
            for number in range(2):  # a namespace lasts as long as a process in it
                _ip("link", "del", f"bpt{number}-{name}", check=False)
            _ip("netns", "del", f"bpt-{name}", check=False)
        for number in range(2):
            _ip("link", "del", f"bpt{number}", check=False)

    def cut(self, name):
        """Let nothing pass any more between a host and the others; nobody learns of it."""
        _ip("link", "set", f"bpt0-{name}", "down")

    def mend(self, name):
        """Let all pass again."""
        _ip("link", "set", f"bpt0-{name}", "up")

    def _number(self, name):
        return 10 + self.names.index(name)

    def address_of(self, name):
        return f"{CLUSTER}.{self._number(name)}"

    def environment(self, name):
        """Each host puts by an access key of its own."""
        own = {} if self.disks is None else {"RAY_TMPDIR": str(self.own_disk)}
        return {"AWS_ACCESS_KEY_ID": f"KEY{name.upper()}", **own}

    def machine_of(self, name):
        """Return the host that a process of this name is on."""
        return name if name in self.names else DRIVER_IS_ON

    def prefix(self, name):
        there = ["ip", "netns", "exec", f"bpt-{self.machine_of(name)}"]
        if self.disks is None:
            return there
        disk = self.disks / self.machine_of(name)
        for each in (disk, self.own_disk):
            each.mkdir(exist_ok=True)
        # The namespace of mounts is the command's own.
        mounted = f'mount --bind {disk} {self.own_disk} && exec "$@"'
        return [*there, "sh", "-c", mounted, "sh"]

    @property
    def own_disk(self):
        """Return by which path each host has a folder of its own."""
        return self.disks / "own"


@contextlib.contextmanager
def namespaces(*names):
    """Open them; raises if the kernel refuses, or this user may not."""
    made = Namespaces(*names)
    try:
        made.open()
        yield made
    finally:
        made.close()

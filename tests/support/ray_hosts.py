"""A Ray cluster of hosts on this machine, each a process group as `bulkput fleet host` makes it.

Each has a state folder of its own, as hosts have; what they share is the emulator and the store.
"""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.whole import ENVIRONMENT

from bulkput.model.parent import kill_with_descendants

TOKEN = "5e" * 32
HEAD = "a"


def free_port():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        return free.getsockname()[1]


class Loopback:
    """The network of hosts that are nothing but processes."""

    def address_of(self, name):
        return "127.0.0.1"

    def environment(self, name):
        return {}

    def machine_of(self, name):
        return ""

    def prefix(self, name):
        return []


class RayHosts:
    """Ends by its process groups; nothing of it is left behind."""

    def __init__(self, folder, server, s3, network=None):
        self.folder, self.server, self.s3 = folder, server, s3
        self.network = network or Loopback()
        self.port = free_port()
        self.address = f"{self.network.address_of(HEAD)}:{self.port}"
        self.ray_folder = Path(tempfile.mkdtemp(prefix="bpf-", dir="/tmp"))  # sockets lie in it
        self.hosts = {}
        self.drivers = []

    def environment(self, name):
        home = self.folder / name
        home.mkdir(exist_ok=True)
        (self.ray_folder / self.network.machine_of(name)).mkdir(exist_ok=True)
        return {
            **ENVIRONMENT,
            "HOME": str(home),
            "XDG_STATE_HOME": str(home),
            "RAY_AUTH_TOKEN": TOKEN,
            "RAY_TMPDIR": str(self.ray_folder / self.network.machine_of(name)),
            "AWS_REGION": "us-east-1",
            "BULKPUT_ENDPOINT": self.server.url,
            **self.s3.environment(),
            **self.network.environment(name),
        }

    def start_host(self, name, *labels):
        """Start a host; the first one is the head."""
        where = (
            ["--head", "--port", str(self.port)] if name == HEAD else ["--address", self.address]
        )
        given = [each for label in labels for each in ("--label", label)]
        log = (self.folder / f"{name}.log").open("wb")
        self.hosts[name] = self._start(
            ["fleet", "host", *where, "--name", name, *given], name, stdout=log, stderr=log
        )
        log.close()
        if name == HEAD:
            self._until_open()

    def start_node(self, name):
        """Start a node as any launcher does, by Ray's own command; the first one is the head."""
        where = (
            ["--head", f"--port={self.port}", "--include-dashboard=false"]
            if name == HEAD
            else [f"--address={self.address}"]
        )
        own = ["--node-ip-address", self.network.address_of(name), "--object-store-memory=80000000"]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.hosts[name] = subprocess.Popen(
                [
                    *self.network.prefix(name),
                    *(Path(sys.executable).with_name("ray"), "start", *where, *own, "--block"),
                ],
                env={
                    **self.environment(name),
                    "RAY_AUTH_MODE": "token",
                    "PYTHONSAFEPATH": "1",
                    "RAY_USAGE_STATS_ENABLED": "0",
                },
                start_new_session=True,
                stdout=log,
                stderr=log,
            )
        if name == HEAD:
            self._until_open()

    def describe_node(self, name, label):
        """Give the node of a host its name and a label; returns what does so until it ends."""
        return self._drive(["fleet", "host", "--name", name, "--label", label], name)

    def listed(self):
        """Return the hosts that the cluster knows, by their names."""
        shown = self.call("fleet", "status", "--address", self.address, "--output", "json")
        hosts = json.loads(shown.stdout or '{"hosts": []}')["hosts"]
        return {each["host"]: each for each in hosts}

    def _until_open(self):
        end_s = time.monotonic() + 60
        while time.monotonic() < end_s:
            with (
                contextlib.suppress(OSError),
                socket.create_connection((self.network.address_of(HEAD), self.port), 1),
            ):
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / f"{HEAD}.log").read_text())

    def drive(self, *arguments, name="driver"):
        """Start ``bulkput fleet run`` with these arguments."""
        return self._drive(["fleet", "run", *map(str, arguments), "--address", self.address], name)

    def _drive(self, arguments, name):
        """Start a command that is ended with the hosts, if it has not ended by itself."""
        process = self._start(
            arguments, name, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.drivers.append(process)
        return process

    def call(self, *arguments, name="driver"):
        """Run another command to its end."""
        command = [*self.network.prefix(name), sys.executable, "-m", "bulkput"]
        return subprocess.run(
            [*command, *map(str, arguments)],
            check=False,
            env=self.environment(name),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def _start(self, arguments, name, **pipes):
        return subprocess.Popen(
            [*self.network.prefix(name), sys.executable, "-m", "bulkput", *arguments],
            env=self.environment(name),
            start_new_session=True,
            **pipes,
        )

    def processes(self, name, what):
        """Return the ids of a host's processes whose command line has ``what``."""
        found = []
        for path in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if what in command and self._is_of(int(path.name), name):
                    found.append(int(path.name))
        return found

    def _is_of(self, pid, name):
        with contextlib.suppress(OSError):
            return f"HOME={self.folder / name}".encode() in Path(
                f"/proc/{pid}/environ"
            ).read_bytes().split(b"\0")
        return False

    def kill_host(self, name):
        """End a host as a power cut does."""
        host = self.hosts.pop(name)
        kill_with_descendants(host.pid)
        host.wait(30)

    def stop(self):
        for driver in self.drivers:
            driver.kill()
            driver.wait(30)
            driver.stdout.close()
            driver.stderr.close()
        for name in [*self.hosts][::-1]:
            self.kill_host(name)
        shutil.rmtree(self.ray_folder, ignore_errors=True)


@contextlib.contextmanager
def ray_hosts(folder, server, s3, network=None):
    hosts = RayHosts(folder, server, s3, network)
    try:
        yield hosts
    finally:
        hosts.stop()

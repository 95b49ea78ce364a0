"""The process that decodes an image: qemu-nbd, read-only, for this process alone.

Owns the process and the connections to it. The socket lies in a folder that only this user can
enter, and is gone as soon as all connections are made. The process ends with the last of them,
and by the kernel's hand when this process is killed.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from bulkput.model.clock import pause_thread
from bulkput.model.errors import MachineError, SourceError
from bulkput.model.parent import die_with_parent
from bulkput.model.shortage import machine_error
from bulkput.source.image.nbd import NbdBroken, NbdClient

PROGRAM = "qemu-nbd"

_CONNECTIONS = 4
"""As many as threads read by default; each has up to 16 requests under way."""

_START_LIMIT_S = 60.0
"""QEMU opens an image in milliseconds, and replays nothing, being read-only; a large chain on a
cold network disk takes longer."""

_LOOK_EVERY_S = 0.005

_SOCKET_PATH_MAX_BYTES = 100
"""Of the 108 that a Unix socket's address may have."""

_OUTPUT_MAX_BYTES = 4096


class ImageServer:
    """A running qemu-nbd and the connections to it; ``start`` makes it."""

    def __init__(self, process: subprocess.Popen[bytes], clients: Sequence[NbdClient]) -> None:
        self.clients = tuple(clients)
        self._process = process

    @classmethod
    def start(
        cls, path: Path, driver: str, node: dict[str, Any], paths: Mapping[int, Path]
    ) -> "ImageServer":
        """Start the process and connect to it. Blocks.

        Args:
            path: for messages only.
            driver: QEMU's name of the format, which it never guesses.
            node: how QEMU is to open the image: a tree of descriptors, of which it opens nothing
                else.
            paths: the descriptors in it, and what they are open on.

        Raises:
            SourceError: QEMU is not installed, or does not open the image.
            MachineError: there are too few files, processes or threads to start it.
        """
        program = shutil.which(PROGRAM)
        if program is None:
            raise SourceError(
                path,
                f"needs QEMU to be read, and {PROGRAM} is not installed: it comes with the package "
                "qemu-utils (Debian, Ubuntu) or qemu-img (Fedora, RHEL, Amazon Linux)",
            )
        folder = _new_folder(path)
        clients: list[NbdClient] = []
        process: subprocess.Popen[bytes] | None = None
        try:
            address = folder / "nbd"
            with tempfile.TemporaryFile() as output:
                command = [
                    *(program, "--read-only", f"--format={driver}"),
                    *(f"--socket={address}", f"--shared={_CONNECTIONS}"),
                    f"json:{json.dumps(node)}",
                ]
                try:
                    process = _kept_process(command, output.fileno(), paths)
                    for _ in range(_CONNECTIONS):
                        clients.append(NbdClient(_connect(process, address)))  # noqa: PERF401 - closed below if one fails
                except OSError as error:
                    short = machine_error(error, f"{path}: {PROGRAM} does not start")
                    what = f"cannot be read: {PROGRAM} does not start ({error.strerror})"
                    raise short or SourceError(path, what) from error
                except NbdBroken as error:
                    what = _last_output(output.fileno(), paths) or str(error)
                    raise SourceError(
                        path, f"cannot be opened by QEMU as {driver}: {what}"
                    ) from error
        except BaseException:
            for client in clients:
                client.close()
            if process is not None:
                process.kill()
                process.wait()
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return cls(process, clients)

    def close(self) -> None:
        """End the process, which no read may need any more. Safe to repeat."""
        for client in self.clients:
            client.close()
        # Killed at once: it writes nothing, so nothing can be lost. A limit for a milder end would
        # be polled by ``time.sleep``, which fails where clocks are bent.
        self._process.kill()
        self._process.wait()


def _kept_process(
    command: Sequence[str], stderr: int, fds: Collection[int]
) -> subprocess.Popen[bytes]:
    """Start a process that ends with this one.

    The kernel counts the thread that forks as the parent. So it is one that waits for the process
    and does nothing else: any other may end earlier.
    """
    born: Future[subprocess.Popen[bytes]] = Future()

    def keep() -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - found on the PATH, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=tuple(fds),
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - a system call alone
            )
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            born.set_exception(error)
            return
        born.set_result(process)
        process.wait()

    threading.Thread(target=keep, name=f"bulkput-{PROGRAM}", daemon=True).start()
    return born.result()


def _new_folder(path: Path | str) -> Path:
    """Return a private folder for the socket.

    Raises:
        MachineError: none can be made.
    """
    try:
        return Path(tempfile.mkdtemp(prefix="bulkput-", dir=_temporary_folder()))
    except OSError as error:
        raise MachineError(
            f"{path}: an image is read through a socket, and no folder for temporary files can be "
            f"written to ({error.strerror or error}): name one in TMPDIR"
        ) from error


def _temporary_folder() -> str:
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) + 24 < _SOCKET_PATH_MAX_BYTES else "/tmp"  # noqa: S108 - mkdtemp's folder in it is private


def _connect(process: subprocess.Popen[bytes], address: Path) -> socket.socket:
    """Return a connection as soon as the server listens."""
    limit_s = time.monotonic() + _START_LIMIT_S
    connection = socket.socket(socket.AF_UNIX)
    try:
        while not _is_connected(connection, address):
            _check_alive(process, limit_s)
            pause_thread(_LOOK_EVERY_S)
    except BaseException:
        connection.close()
        raise
    return connection


def _is_connected(connection: socket.socket, address: Path) -> bool:
    try:
        connection.connect(str(address))
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


def _check_alive(process: subprocess.Popen[bytes], limit_s: float) -> None:
    if process.poll() is not None:
        raise NbdBroken(f"it ended with code {process.returncode}")
    if time.monotonic() >= limit_s:
        raise NbdBroken(f"no answer for {_START_LIMIT_S:.0f} s")


def _last_output(fd: int, paths: Mapping[int, Path]) -> str:
    """Return what the program wrote, as one line and with the files' own names."""
    text = os.pread(fd, _OUTPUT_MAX_BYTES, 0).decode(errors="replace")
    lines = [line.removeprefix(f"{PROGRAM}: ") for line in text.splitlines()]
    lines = [line.rpartition("}': ")[2] if "'json:{" in line else line for line in lines]
    output = "; ".join(dict.fromkeys(line.strip() for line in lines if line))
    return re.sub(
        r"/proc/self/fd/(\d+)", lambda found: str(paths.get(int(found[1]), found[0])), output
    )

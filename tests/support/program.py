"""The program as a process of its own, forked from one that has already imported it.

Importing takes 0.6 of the 0.8 CPU seconds of a short run, hundreds of times in these tests. What
is forked is the real program with its own process id, descriptors, environment, signals and exit;
only its imports are done. Tests of the start itself, and those that kill at random moments, start
the interpreter instead.
"""

import array
import atexit
import functools
import inspect
import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path

_NAMES = tuple(inspect.signature(subprocess.Popen._execute_child).parameters)[1:]

_UNSUPPORTED = ("executable", "preexec_fn", "pass_fds", "start_new_session")


class ForkedProgram(subprocess.Popen):
    """``bulkput`` with ``arguments``; everything else as ``subprocess.Popen`` has it."""

    def __init__(self, arguments, **options):
        super().__init__([*map(str, arguments)], **options)

    def _execute_child(self, *values):
        given = dict(zip(_NAMES, values, strict=True))
        assert not any(given.get(name) for name in _UNSUPPORTED), "start the interpreter for these"
        self._replies = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._replies.connect(_forkserver())
        request = {
            "arguments": given["args"],
            "environment": dict(os.environ if given["env"] is None else given["env"]),
            "folder": str(given["cwd"] or Path.cwd()),
        }
        descriptors = [
            number if number >= 0 else standard
            for standard, number in enumerate(
                (given["p2cread"], given["c2pwrite"], given["errwrite"])
            )
        ]
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
        self._replies.sendmsg([json.dumps(request).encode()], [rights])
        self.pid = int(self._replies.recv(64))
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[name] for name in pipes))

    def _try_wait(self, wait_flags):
        if self.returncode is None and self._replies.fileno() >= 0:
            is_over = select.select([self._replies], [], [], 0)[0]
            if not is_over and wait_flags == os.WNOHANG:
                return 0, 0
            status = int(self._replies.recv(64))
            self._replies.close()
            return self.pid, status
        return self.pid, 0

    def _internal_poll(self, *_, **__):
        if self.returncode is None:
            pid, status = self._try_wait(os.WNOHANG)
            if pid:
                self._handle_exitstatus(status)
        return self.returncode


@functools.cache
def _forkserver():
    """Return the address of the process that the program is forked from, one for each tester."""
    address = f"\0bulkput-{os.getpid()}-{os.urandom(8).hex()}"
    script = Path(__file__).with_name("forkserver.py")
    process = subprocess.Popen(
        [sys.executable, "-P", str(script), address[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error::ResourceWarning"},
        start_new_session=True,
    )
    assert process.stdout.readline() == b"ready\n"

    @atexit.register
    def end():
        process.stdin.close()  # which also a killed tester does
        process.wait(30)
        process.stdout.close()

    return address

"""Another process that has a file or device in hand while a test looks."""

import contextlib
import subprocess
import sys

_OPENS = """
import fcntl, mmap, os, sys
descriptor = os.open(sys.argv[1], os.{flags})
{then}
print(flush=True)
sys.stdin.read()
"""

MAPS_AND_CLOSES = (
    "held = mmap.mmap(descriptor, 4096)\nos.closerange(3, 64)  # the map's own descriptor too"
)
LOCKS = "fcntl.lockf(descriptor, fcntl.LOCK_EX)"
FLOCKS = "fcntl.flock(descriptor, fcntl.LOCK_EX)"


@contextlib.contextmanager
def held(path, flags="O_RDWR", then=""):
    """Have ``path`` open in another process, named ``python3`` or alike; give its id."""
    code = _OPENS.format(flags=flags, then=then)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline() == b"\n"
        yield process.pid
    finally:
        process.communicate()

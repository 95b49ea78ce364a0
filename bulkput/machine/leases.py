"""Whether anybody has a file open, as the kernel knows it: a lease is granted only if nobody has.

That sees every process of every user and container, maps whose descriptor was closed, loop
devices, swap, and the kernel's own servers. The lease is given back at once.
"""

import fcntl
import signal
from typing import Literal

from bulkput.model.clock import pause_thread

_PAUSES_S = (0.01, 0.04, 0.15)
"""Between a fork and its exec a child has its parent's files open, as golang/go 22315 found: what
is gone after a moment was nobody's use."""

_BY_SERVER = frozenset({"nfs", "nfs4", "cifs", "smb3"})
"""Their kernel clients grant a lease only under a delegation or an oplock of the server
(fs/nfs/nfs4file.c, fs/smb/client/file.c), so that a refusal shows nothing of openers."""

Access = Literal["writing", "any"]
_LEASES = {"writing": fcntl.F_RDLCK, "any": fcntl.F_WRLCK}


def is_open_elsewhere(fd: int, access: Access, file_system: str) -> bool | None:
    """Return whether others have the file behind ``fd`` open; None where that cannot be known.

    That is so for what is no regular file, for another user's file (without CAP_LEASE), and on
    file systems that grant no leases. Blocks for a fifth of a second before it returns True.

    Args:
        fd: Open for reading, or, for ``any``, for writing: the only descriptor of its open file.
        access: Which use by others counts.
        file_system: The type of the one that it is on.
    """
    if file_system in _BY_SERVER:
        return None
    for pause_s in (*_PAUSES_S, None):
        granted = _try(fd, _LEASES[access])
        if granted is not False:
            return None if granted is None else False
        if pause_s is not None:
            pause_thread(pause_s)
    return True


def _try(fd: int, lease: int) -> bool | None:
    try:
        # Whoever opens the file in this very moment makes the kernel send a signal: SIGIO, which
        # ends a process, unless another is named; SIGURG is ignored by default.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, lease)
    except BlockingIOError:
        return False
    except OSError:
        return None
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return True

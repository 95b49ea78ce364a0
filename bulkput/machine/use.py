"""Who else has a disk in hand: the one rule for what is read and for what is written.

A disk that is read must have no writer: an answer of it would be of several moments. A disk that
is written must have no user at all. Who uses it is named, as far as this user may see it. Others
on other machines are seen by their locks only, and on a shared disk not at all.
"""

import os
from pathlib import Path

from bulkput.machine.devices import device_users, related_devices, swap_paths
from bulkput.machine.leases import Access, is_open_elsewhere
from bulkput.machine.locks import lock_holder
from bulkput.machine.loops import backing_file, loops_upon
from bulkput.machine.mounts import file_system_of
from bulkput.machine.openers import openers_of_device, openers_of_file

_UNSEEN = (
    "something that this user cannot see has it open{how} (another user's program, another "
    "container, or the kernel, as for an export)"
)


def file_users(fd: int, path: Path, access: Access) -> list[str]:
    """Return who else has a regular file in use, in words; empty if nobody has. Blocks.

    Args:
        fd: Open for reading if only writers count (``writing``), else for writing.
        path: Its real path.
        access: ``writing``, or ``any``.
    """
    status = os.fstat(fd)
    lock = lock_holder(fd)
    users = [] if lock is None else [lock]
    if os.path.isdir(f"{path}.lck"):  # noqa: PTH112 - false too where it may not be looked for
        users.append(f"VMware has locked it by {path.name}.lck")
    is_used = is_open_elsewhere(fd, access, file_system_of(fd))
    if is_used is False:
        return users
    is_any = access == "any"
    named = [str(loop) for loop in loops_upon(status) if is_any or not loop.is_read_only]
    if any(_is_same(swap, status) for swap in swap_paths()):
        named.append("it is swap space")
    named += [
        str(opener)
        for opener in openers_of_file(status)
        if (opener.writes or is_any) and not (is_any and opener.process_id == os.getpid())
    ]
    if is_used and not named and not users:
        named = [_UNSEEN.format(how="" if is_any else " for writing")]
    return named + users


def device_holders(device: int, path: Path) -> list[str]:
    """Return who has claimed a block device, in words: of use where the kernel refused it."""
    users = device_users(device, path)
    if not users:
        others = openers_of_device(related_devices(device))
        users = [str(each) for each in others if each.process_id != os.getpid()]
    return users or ["another program holds it"]


def device_writers(fd: int) -> list[str]:
    """Return who may write to a block device without having claimed it, in words. Blocks.

    Virtual machines and ``dd`` open a device without O_EXCL, so that it can be claimed beside
    them; and a loop device's file may be written by another way.

    Args:
        fd: Of the device; what this process itself has open does not count.
    """
    device = os.fstat(fd).st_rdev
    lock = lock_holder(fd)
    users = [
        str(opener)
        for opener in openers_of_device(related_devices(device))
        if opener.writes and opener.process_id != os.getpid()
    ]
    if not users and lock is not None:
        users.append(lock)
    behind = backing_file(device)
    if behind is not None:
        users += [
            f"its file is shown by another loop device too: {loop}"
            for loop in loops_upon(behind)
            if loop.device != device and not loop.is_read_only
        ]
        users += [
            f"of its backing file, {opener}" for opener in openers_of_file(behind) if opener.writes
        ]
    return users


def _is_same(path: Path, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), status)
    except OSError:
        return False

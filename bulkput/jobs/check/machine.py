"""The machine: processor, kernel and limits, as far as an upload feels them."""

import os
import platform
import resource
from collections.abc import Iterable, Iterator
from pathlib import Path

from bulkput.config.tuning import TuningSettings
from bulkput.jobs.check.finding import Finding, failure, ok, warning
from bulkput.machine.limits import FILES_KEPT
from bulkput.model.exit_code import ExitCode
from bulkput.source.populate import can_populate

_CPUINFO = Path("/proc/cpuinfo")
_SHA_FLAGS = frozenset({"sha_ni", "sha2"})
"""x86 and Arm names of the SHA-256 instructions."""
_AES_FLAGS = frozenset({"aes"})


def look_at_machine(
    tuning: TuningSettings, parallel: int, readers: Iterable[str]
) -> Iterator[Finding]:
    """Yield the findings; reads /proc and the process's limits.

    Args:
        tuning: Sets how many connections there may be.
        parallel: Volumes at the same time.
        readers: As the volumes ask for.
    """
    try:
        cpuinfo = _CPUINFO.read_text()
    except OSError:
        cpuinfo = ""
    yield cpu(cpuinfo, os.cpu_count() or 1)
    yield kernel(platform.release(), set(readers), populates=can_populate())
    yield open_files(*resource.getrlimit(resource.RLIMIT_NOFILE), tuning.in_flight_max * parallel)


def cpu(cpuinfo: str, count: int) -> Finding:
    """Judge the instructions that /proc/cpuinfo lists."""
    flags = {
        flag
        for line in cpuinfo.splitlines()
        if line.lower().startswith(("flags", "features"))
        for flag in line.partition(":")[2].split()
    }
    cpus = f"{count} CPU{'' if count == 1 else 's'}"
    if not flags:
        what = f"{cpus}; /proc/cpuinfo does not show which instructions they have"
        return warning("cpu", what, "Compare the CPU's data sheet: SHA and AES instructions matter")
    missing = [
        name for name, known in (("SHA-256", _SHA_FLAGS), ("AES", _AES_FLAGS)) if not flags & known
    ]
    if missing:
        return warning(
            "cpu",
            f"{cpus} without instructions for {' and '.join(missing)}",
            "Every block is hashed and sent by TLS, which takes several times the CPU without "
            "them: take a newer instance type if the upload turns out to be bound by the CPU",
        )
    return ok("cpu", f"{cpus} with SHA and AES instructions")


def kernel(release: str, readers: set[str], *, populates: bool) -> Finding:
    """Judge whether sources can be mapped safely."""
    if populates:
        return ok(
            "kernel", f"Linux {release} has MADV_POPULATE_READ: sources are mapped, not copied"
        )
    what = f"Linux {release} has no MADV_POPULATE_READ"
    if "mmap" in readers:
        return failure(
            "kernel",
            f"{what}, which `reader: mmap` takes",
            "Set `reader: auto`, or boot Linux 5.14 or newer",
            ExitCode.SOURCE,
        )
    return warning(
        "kernel",
        f"{what}: sources are copied by preadv",
        "Nothing to do; Linux 5.14 or newer saves the copy",
    )


def open_files(soft: int, hard: int, connections: int) -> Finding:
    """Judge the limit of open files against the connections that there may be."""
    name, wanted = "open files", connections + FILES_KEPT
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        shown = "no limit" if soft == resource.RLIM_INFINITY else f"{soft:,} allowed"
        return ok(name, f"{shown}, at most {connections:,} connections")
    what = f"{soft:,} allowed, and there may be {connections:,} connections"
    can_be_raised = hard == resource.RLIM_INFINITY or hard >= wanted
    raised = f"`ulimit -n {wanted}`" if can_be_raised else "raise the hard limit of open files"
    return warning(name, what, f"{raised}, or lower tuning.in_flight_max or parallel")

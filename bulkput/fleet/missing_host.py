"""Why no host of a fleet can take a volume, in a sentence. Pure."""

from collections.abc import Iterable

from bulkput.config.fleet import PlacementSettings
from bulkput.fleet.placement import Host

_NAMES_MAX = 5


def missing_host(placement: PlacementSettings, hosts: Iterable[Host]) -> str:
    """Return what is wanted that no host has, and which hosts there are.

    Args:
        placement: Of a volume that none of ``hosts`` can take.
        hosts: All that are alive.
    """
    there = {host.name: host for host in hosts}
    if not there:
        return "no host of the fleet is alive"
    names = ", ".join([*sorted(there)[:_NAMES_MAX], *["..."] * (len(there) > _NAMES_MAX)])
    known = f"there {'is' if len(there) == 1 else 'are'} {names}"
    labels = " and ".join(f"{key}={value}" for key, value in placement.labels.items())
    if placement.host is None:
        return f"no host of the fleet has {labels}; {known}"
    if placement.host not in there:
        return f"no host of the fleet is called {placement.host}; {known}"
    return f"the host {placement.host} does not have {labels}"

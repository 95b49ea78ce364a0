"""Which machine this is: what differs between instances of one image, as far as anything does."""

import hashlib
from pathlib import Path

from bulkput.machine.mounts import read_text

_SOURCES = (
    "/sys/devices/virtual/dmi/id/board_asset_tag",
    "/sys/devices/virtual/dmi/id/product_uuid",
    "/sys/hypervisor/uuid",
    "/etc/machine-id",
)
"""The instance id on EC2's Nitro, the hardware's (for root) and Xen's id, all different in another
instance of the same image; systemd's id, which careful images lack and get at the first boot."""


def machine_id(*, root: Path = Path("/")) -> str:
    """Return 12 hex digits for this machine, the same in every run.

    A new instance with an old disk has others. Containers of one machine share them.
    """
    digest = hashlib.sha256()
    for source in _SOURCES:
        content = read_text(root / source.removeprefix("/")).strip()
        digest.update(content.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()[:12]

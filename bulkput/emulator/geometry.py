"""Sizes that the service fixes, defined once more: the emulator shares no line with the client.

Owns numbers only.
"""

import hashlib

BLOCK_SIZE_BYTES = 524_288
BLOCKS_PER_GIB = (1 << 30) // BLOCK_SIZE_BYTES
VOLUME_SIZE_MAX_GIB = 65_536
"""64 TiB."""
DIGEST_SIZE_BYTES = 32
ZERO_BLOCK = bytes(BLOCK_SIZE_BYTES)
ZERO_BLOCK_DIGEST = hashlib.sha256(ZERO_BLOCK).digest()

"""The end of a raw disk that comes as a stream: whether its last bytes belong to the disk.

A fixed VHD is a raw disk with a footer behind it, which only the end shows; other formats too are
known by their end alone. So the last bytes are held back until it is known that more follow.
"""

from pathlib import Path

from bulkput.model.errors import SourceError
from bulkput.source.format import detect_format
from bulkput.source.image.vhd import FIXED, FOOTER_BYTES, OLD_FOOTER_BYTES, parse_footer
from bulkput.source.stream.decoder import Stream


class EndChecked:
    """A stream without the footer of a fixed VHD; one that ends as no disk does is refused."""

    def __init__(self, stream: Stream, path: Path | str, notes: list[str]) -> None:
        """Hold the first bytes back. Blocks.

        Args:
            stream: All bytes that there are.
            path: For messages.
            notes: Gets what the user should know of the end.
        """
        self._stream = stream
        self._path = path
        self._notes = notes
        self._total_bytes = 0
        self._is_over = False
        self._held = b""
        """Of the stream, what has not been given on: 512 bytes until its end was seen."""
        self._held = self._read(FOOTER_BYTES)
        if len(self._held) < FOOTER_BYTES:
            self._is_over = True

    def read_into(self, view: memoryview) -> int:
        """Fill ``view`` as far as the disk goes.

        Raises:
            SourceError: the stream is damaged, or is no disk as its end shows.
        """
        held = self._held[: len(view)]
        view[: len(held)] = held
        self._held = self._held[len(held) :]
        filled = len(held)
        if self._is_over:
            return filled
        if filled < len(view):
            count = self._stream.read_into(view[filled:])
            self._total_bytes += count
            filled += count
        self._held += self._read(FOOTER_BYTES - len(self._held))
        if len(self._held) < FOOTER_BYTES:  # what is missing of it is at the end of the view
            self._is_over = True
            tail = bytes(view[max(0, filled - FOOTER_BYTES) : filled]) + self._held
            footer_bytes = self._footer_bytes(tail[-FOOTER_BYTES:])
            if footer_bytes:
                filled += len(self._held) - footer_bytes
                self._held = b""
        return filled

    def _read(self, length_bytes: int) -> bytes:
        buffer = bytearray(length_bytes)
        count = self._stream.read_into(memoryview(buffer))
        self._total_bytes += count
        return bytes(buffer[:count])

    def _footer_bytes(self, tail: bytes) -> int:
        """Return how much of the stream's last 512 bytes is no part of the disk."""
        for length_bytes in (FOOTER_BYTES, OLD_FOOTER_BYTES):
            footer = parse_footer(tail[-length_bytes:])
            disk_bytes = self._total_bytes - length_bytes
            if footer is not None and footer.kind == FIXED and footer.is_sound:
                if footer.size_bytes == disk_bytes:
                    self._notes.append(
                        f"the last {length_bytes} bytes are the footer of a fixed VHD and no part "
                        f"of the disk, whose {disk_bytes:,} bytes end before it: left out"
                    )
                    return length_bytes
                raise SourceError(
                    self._path,
                    f"ends like a fixed VHD, whose footer says {footer.size_bytes} bytes where "
                    f"{disk_bytes} lie before it; decompress it first and look",
                )
        mark = detect_format(b"", tail)
        if mark is not None:
            raise SourceError(
                self._path,
                f"ends like {mark.name}, not like a raw disk; write it to a file first",
            )
        return 0

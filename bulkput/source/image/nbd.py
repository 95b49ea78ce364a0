"""One NBD connection, seen from the client: negotiation, block status, reads into given memory.

Owns the socket. Trusts the server with nothing: every length is bounded, every place is checked,
and a read is done only when each byte of it has come exactly once.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence

from bulkput.source.image import nbd_wire
from bulkput.source.image.nbd_wire import Allocation, Chunk, Command, Option, OptionReply

_ANSWER_LIMIT_S = 300
"""As long as a disk may take to answer: Linux gives a SCSI command 30 s, and several tries."""

_READS_AT_ONCE = 16
"""As many requests of one client as QEMU works on at the same time (MAX_NBD_REQUESTS)."""


class NbdError(Exception):
    """The server reports that the disk cannot be read there; the connection can be used further."""

    def __init__(self, position: int, number: int) -> None:
        self.position = position
        """Which of the buffers could not be filled."""
        self.number = number
        """The protocol's errno, which is Linux's."""
        super().__init__(os.strerror(number))


class NbdBroken(Exception):  # noqa: N818 - a state, made a sentence by who catches it
    """The connection is of no use any more: cut, silent, or not NBD."""


class NbdClient:
    """A connection to the default export; one thread at a time.

    Raises:
        NbdBroken: the server cannot do what is needed.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        # Not settimeout, which makes the socket non-blocking beneath: with MSG_WAITALL one call
        # then reads a whole block.
        limit = struct.pack("@qq", _ANSWER_LIMIT_S, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self._context_id = 0
        self.size_bytes, flags = self._negotiate()
        # A read in pieces that fails costs the connection, for QEMU has sent some of it already:
        # so it would not be known where.
        self._read_flags = nbd_wire.DONT_FRAGMENT if flags & nbd_wire.SEND_DONT_FRAGMENT else 0

    def close(self) -> None:
        """Send the disconnect if that is possible at once, and close."""
        farewell = nbd_wire.REQUEST.pack(nbd_wire.REQUEST_MAGIC, 0, Command.DISCONNECT, 0, 0, 0)
        try:
            self._connection.send(farewell, socket.MSG_DONTWAIT)
        except OSError:
            pass
        finally:
            self._connection.close()

    def allocation(self, offset_bytes: int, length_bytes: int) -> list[tuple[int, Allocation]]:
        """Return the runs from ``offset_bytes`` on: lengths and flags; at least one.

        The server may answer for less than was asked for.

        Raises:
            NbdError: the image's tables cannot be read.
            NbdBroken: as it says.
        """
        self._request(Command.BLOCK_STATUS, 0, offset_bytes, length_bytes)
        runs: list[tuple[int, Allocation]] = []
        number = 0
        done = False
        while not done:
            done, kind, _, size_bytes = self._chunk_head(1)
            if kind == Chunk.BLOCK_STATUS:
                if size_bytes > nbd_wire.STATUS_SIZE_MAX_BYTES or size_bytes % 8 != 4:
                    raise NbdBroken(f"a status of {size_bytes} bytes")
                content = self._receive(size_bytes)
                if nbd_wire.CONTEXT_ID.unpack_from(content)[0] == self._context_id:
                    runs += [
                        (length, Allocation(flags & 3))
                        for length, flags in nbd_wire.STATUS.iter_unpack(content[4:])
                    ]
            else:
                number = self._error_of(kind, size_bytes) or number
        if number:
            raise NbdError(0, number)
        if not runs or any(length < 1 for length, _ in runs):
            raise NbdBroken("a status without any length")
        return runs

    def read(self, requests: Sequence[tuple[int, memoryview]]) -> None:
        """Fill each buffer with what the disk has from its offset on.

        Raises:
            NbdError: one could not be filled; all others were asked for nevertheless.
            NbdBroken: as it says.
        """
        waiting = iter(range(len(requests)))
        under_way: dict[int, _Filling] = {}
        failed: NbdError | None = None

        def ask() -> None:
            for position in waiting:
                offset_bytes, buffer = requests[position]
                place = offset_bytes, len(buffer)
                self._request(Command.READ, position, *place, flags=self._read_flags)
                under_way[position] = _Filling(offset_bytes, buffer)
                if len(under_way) >= _READS_AT_ONCE:
                    return

        ask()
        while under_way:
            done, kind, position, size_bytes = self._chunk_head(len(requests))
            filling = under_way.get(position)
            if filling is None:
                raise NbdBroken("a reply to no request")
            self._fill(filling, kind, size_bytes)
            if done:
                del under_way[position]
                if filling.error:
                    failed = failed or NbdError(position, filling.error)
                elif not filling.is_full:
                    raise NbdBroken("an answer with a gap")
                ask()
        if failed is not None:
            raise failed

    def _fill(self, filling: "_Filling", kind: int, size_bytes: int) -> None:
        """Take in one chunk of a read's answer."""
        if kind == Chunk.OFFSET_DATA:
            place = filling.place(self._offset(size_bytes), size_bytes - nbd_wire.DATA_OFFSET.size)
            self._receive_into(place)
        elif kind == Chunk.OFFSET_HOLE and size_bytes == nbd_wire.HOLE.size:
            start_bytes, length_bytes = nbd_wire.HOLE.unpack(self._receive(size_bytes))
            filling.place(start_bytes, length_bytes)[:] = bytes(length_bytes)
        else:
            filling.error = self._error_of(kind, size_bytes) or filling.error

    def _negotiate(self) -> tuple[int, int]:
        """Return the export's size and flags."""
        magic, flags = nbd_wire.GREETING.unpack(self._receive(nbd_wire.GREETING.size))
        if magic != nbd_wire.SERVER_MAGIC or not flags & nbd_wire.FIXED_NEWSTYLE:
            raise NbdBroken("no NBD server of the fixed newstyle kind")
        self._send(
            nbd_wire.CLIENT_FLAGS.pack((nbd_wire.FIXED_NEWSTYLE | nbd_wire.NO_ZEROES) & flags)
        )
        if not flags & nbd_wire.NO_ZEROES:
            raise NbdBroken("a server that pads its greeting")
        self._send(nbd_wire.option(Option.STRUCTURED_REPLY))
        for _ in self._option_replies(Option.STRUCTURED_REPLY):
            pass
        self._send(nbd_wire.set_meta_context())
        contexts = [
            nbd_wire.CONTEXT_ID.unpack_from(content)[0]
            for kind, content in self._option_replies(Option.SET_META_CONTEXT)
            if kind == OptionReply.META_CONTEXT and content[4:] == nbd_wire.BASE_ALLOCATION
        ]
        if not contexts:
            raise NbdBroken("a server that does not report where data is")
        (self._context_id,) = contexts
        self._send(nbd_wire.go())
        exports = [
            nbd_wire.EXPORT_INFO.unpack(content)
            for kind, content in self._option_replies(Option.GO)
            if kind == OptionReply.INFO
            and len(content) == nbd_wire.EXPORT_INFO.size
            and content[:2] == bytes(2)
        ]
        if not exports:
            raise NbdBroken("a server that does not report the disk's size")
        _, size_bytes, flags = exports[0]
        return size_bytes, flags

    def _option_replies(self, asked: Option) -> Iterator[tuple[int, bytes]]:
        """Yield the replies to one option until it is acknowledged."""
        while True:
            head = self._receive(nbd_wire.OPTION_REPLY.size)
            magic, number, kind, size_bytes = nbd_wire.OPTION_REPLY.unpack(head)
            if magic != nbd_wire.OPTION_REPLY_MAGIC or number != asked:
                raise NbdBroken("a reply to no request")
            if size_bytes > nbd_wire.OPTION_REPLY_SIZE_MAX_BYTES:
                raise NbdBroken(f"an answer of {size_bytes} bytes")
            content = self._receive(size_bytes)
            if kind >= OptionReply.ERROR:
                raise NbdBroken(f"no to {asked.name}: {content.decode(errors='replace')}")
            if kind == OptionReply.ACK:
                return
            yield kind, content

    def _request(
        self, command: Command, cookie: int, offset_bytes: int, length_bytes: int, *, flags: int = 0
    ) -> None:
        fields = (nbd_wire.REQUEST_MAGIC, flags, command, cookie, offset_bytes, length_bytes)
        self._send(nbd_wire.REQUEST.pack(*fields))

    def _chunk_head(self, cookies: int) -> tuple[bool, int, int, int]:
        """Return whether it is the last, kind, cookie and length of the next chunk."""
        head = self._receive(nbd_wire.CHUNK.size)
        magic, flags, kind, cookie, size_bytes = nbd_wire.CHUNK.unpack(head)
        if magic != nbd_wire.STRUCTURED_REPLY_MAGIC or cookie >= cookies:
            raise NbdBroken("a reply to no request")
        return bool(flags & nbd_wire.DONE), kind, cookie, size_bytes

    def _offset(self, size_bytes: int) -> int:
        if size_bytes <= nbd_wire.DATA_OFFSET.size:
            raise NbdBroken(f"data of {size_bytes} bytes")
        return int(nbd_wire.DATA_OFFSET.unpack(self._receive(nbd_wire.DATA_OFFSET.size))[0])

    def _error_of(self, kind: int, size_bytes: int) -> int:
        """Return the errno of an error chunk, 0 of one without."""
        if kind == Chunk.NONE and not size_bytes:
            return 0
        is_error = kind in {Chunk.ERROR, Chunk.ERROR_OFFSET}
        if not is_error or not nbd_wire.ERROR.size <= size_bytes <= nbd_wire.ERROR_TEXT_MAX_BYTES:
            raise NbdBroken(f"a chunk of kind {kind} and {size_bytes} bytes")
        return int(nbd_wire.ERROR.unpack_from(self._receive(size_bytes))[0]) or errno.EIO

    def _send(self, message: bytes) -> None:
        try:
            self._connection.sendall(message)
        except OSError as error:
            raise NbdBroken(_sentence(error)) from error

    def _receive(self, size_bytes: int) -> bytes:
        buffer = bytearray(size_bytes)
        self._receive_into(memoryview(buffer))
        return bytes(buffer)

    def _receive_into(self, buffer: memoryview) -> None:
        while buffer:
            try:
                got_bytes = self._connection.recv_into(buffer, len(buffer), socket.MSG_WAITALL)
            except OSError as error:
                raise NbdBroken(_sentence(error)) from error
            if not got_bytes:
                raise NbdBroken("the connection ended")
            buffer = buffer[got_bytes:]


class _Filling:
    """One read under way: where its bytes go, and which have come."""

    def __init__(self, offset_bytes: int, buffer: memoryview) -> None:
        self.error = 0
        self._offset_bytes = offset_bytes
        self._buffer = buffer
        self._filled: list[tuple[int, int]] = []

    def place(self, start_bytes: int, length_bytes: int) -> memoryview:
        """Return the memory for ``length_bytes`` from ``start_bytes`` of the disk on."""
        start = start_bytes - self._offset_bytes
        stop = start + length_bytes
        if start < 0 or length_bytes < 1 or stop > len(self._buffer):
            raise NbdBroken("data that was not asked for")
        self._filled.append((start, stop))
        return self._buffer[start:stop]

    @property
    def is_full(self) -> bool:
        """Whether each byte has come, and none twice."""
        at = 0
        for start, stop in sorted(self._filled):
            if start != at:
                return False
            at = stop
        return at == len(self._buffer)


def _sentence(error: OSError) -> str:
    if error.errno in {errno.EAGAIN, errno.EWOULDBLOCK}:
        return f"no answer for {_ANSWER_LIMIT_S} s"
    return error.strerror or str(error)

"""Whole messages over a socket between a loader and a worker, with files where they are large.

A message arrives whole or not at all, also when its sender is killed while it sends: packets keep their bounds, and
what does not fit a packet travels in an anonymous file.
"""

from __future__ import annotations

import array
import collections
import contextlib
import os
import socket

# What surely fits a packet of a socket as the system makes it.
_LARGEST_PACKET = 32 * 1024
# What the system passes at once.
MOST_FILES = 253
_INLINE, _IN_FILE = b"i", b"f"


def _file_of(payload: bytes) -> int:
    file = os.memfd_create("tenon-message", os.MFD_CLOEXEC)
    try:
        view = memoryview(payload)
        while view:
            view = view[os.write(file, view) :]
    except BaseException:
        os.close(file)
        raise
    return file


def _content_of(file: int) -> bytes:
    with open(file, "rb") as content:
        content.seek(0)
        return content.read()


class Channel:
    """One end of the socket; messages are bytes and open files."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        # Packets that the socket had no room for.
        self._waiting: collections.deque[tuple[bytes, list[int]]] = collections.deque()

    @staticmethod
    def pair() -> tuple[Channel, Channel]:
        """Both ends of a new socket."""
        ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return Channel(ends[0]), Channel(ends[1])

    def __getstate__(self) -> socket.socket:
        return self.socket

    def __setstate__(self, end: socket.socket) -> None:
        Channel.__init__(self, end)

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self.socket.fileno()

    def send(self, payload: bytes, files: list[int], wait: bool) -> None:
        """Sends a message; without `wait`, what the socket has no room for is kept for flush()."""
        own: list[int] = []
        if len(payload) < _LARGEST_PACKET:
            packet = _INLINE + payload
        else:
            packet = _IN_FILE
            own = [_file_of(payload)]
        if not wait:
            self._waiting.append((packet, [*own, *(os.dup(file) for file in files)]))
            self.flush()
            return
        try:
            self._send_packet(packet, [*own, *files], 0)
        finally:
            _close(own)

    def _send_packet(self, packet: bytes, files: list[int], flags: int) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
        self.socket.sendmsg([packet], rights, flags | socket.MSG_NOSIGNAL)

    def flush(self) -> None:
        """Sends what waits, as far as there is room."""
        while self._waiting:
            packet, files = self._waiting[0]
            try:
                self._send_packet(packet, files, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except (BrokenPipeError, ConnectionResetError):
                # Nobody is there any more, which the next receive() says.
                pass
            self._waiting.popleft()
            _close(files)

    @property
    def is_waiting(self) -> bool:
        """Whether something waits for room."""
        return bool(self._waiting)

    def receive(self, wait: bool) -> tuple[bytes, list[int]] | None:
        """The next message and the files that came with it; None when the other end is gone.

        Raises BlockingIOError when there is none and `wait` is false.
        """
        flags = socket.MSG_CMSG_CLOEXEC | (0 if wait else socket.MSG_DONTWAIT)
        try:
            packet, rights, _, _ = self.socket.recvmsg(
                _LARGEST_PACKET, socket.CMSG_SPACE(MOST_FILES * array.array("i").itemsize), flags
            )
        except ConnectionResetError:
            return None
        files = array.array("i")
        for _, _, data in rights:
            files.frombytes(data[: len(data) - len(data) % files.itemsize])
        received = list(files)
        if not packet:
            return None
        if packet[:1] == _INLINE:
            return packet[1:], received
        return _content_of(received[0]), received[1:]

    def end(self) -> None:
        """Ends the conversation for both sides, also where a forked process has this end too."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes this end."""
        self.socket.close()
        while self._waiting:
            _close(self._waiting.popleft()[1])


def _close(files: list[int]) -> None:
    for file in files:
        os.close(file)

"""The worker processes of a loader, as the loader's process sees them."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import time
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon.utils.data._utils import MP_STATUS_CHECK_INTERVAL
from tenon.utils.data._utils.channel import Channel
from tenon.utils.data._utils.transfer import ReceivedBlocks
from tenon.utils.data._utils.worker import Job, Progress, _worker_loop

# The loader's ends of all channels: a forked child must not keep them open.
_channels: weakref.WeakSet[Channel] = weakref.WeakSet()


def _forget_channels() -> None:
    for channel in list(_channels):
        channel.close()


os.register_at_fork(after_in_child=_forget_channels)


class WorkerEnded(Exception):
    """A worker is no more."""

    def __init__(self, worker_id: int) -> None:
        super().__init__(worker_id)
        self.worker_id = worker_id


class Worker:
    """One of them: its process, the channel to it, and what it shares."""

    def __init__(self, context: Any, job: Job) -> None:
        self.channel, theirs = Channel.pair()
        self.process = context.Process(target=_worker_loop, args=(job, theirs, os.getpid()))
        self.process.daemon = True
        try:
            self._start()
        except BaseException:
            self.channel.close()
            raise
        finally:
            theirs.close()
        _channels.add(self.channel)
        self.pid: int = self.process.pid
        self.blocks = ReceivedBlocks()
        shared = _C._SharedBlock(8)
        self.progress = Progress(shared)
        self.channel.send(b"", [shared.fd], wait=False)
        shared.close_fd()
        self.sentinel = self._end_of_process()
        # The end of its process was seen.
        self.ended = False

    def _start(self) -> None:
        try:
            self.process.start()
        except (TypeError, AttributeError, pickle.PicklingError):
            warnings.warn(
                "Got pickle error when attempting to start a worker Process. "
                "This might be because the worker Process arguments are not picklable. "
                "Python 3.14+ changed the multiprocessing start method in non-Mac POSIX platforms "
                "to 'forkserver', which requires the worker Process arguments to be picklable. "
                "You can also try multiprocessing.set_start_method('fork').",
                stacklevel=6,
            )
            raise

    def _end_of_process(self) -> int:
        # What becomes readable when the process ends, even if a child of its own lives on.
        try:
            return os.pidfd_open(self.pid)
        except (OSError, AttributeError):
            return os.dup(self.process.sentinel)

    def close(self) -> None:
        """Gives back what is left of a worker that has ended."""
        self.channel.close()
        os.close(self.sentinel)
        self.process.close()

    def how_it_ended(self) -> str:
        """Says by which signal or with which exit code."""
        self.process.join(MP_STATUS_CHECK_INTERVAL)
        code = self.process.exitcode
        if code is None:
            return "closed its connection"
        if code >= 0:
            return f"exited with code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"{-code}"
        return f"was killed by signal {name}" + (" (out of memory?)" if -code == signal.SIGKILL else "")


class Workers:
    """All of them."""

    def __init__(self, context: Any, jobs: Callable[[int], Job], count: int) -> None:
        self._owner = os.getpid()
        self.list: list[Worker] = []
        self._poll = select.poll()
        self._by_file: dict[int, int] = {}
        # What was received, and who ended, and is not told yet.
        self._messages: list[tuple[int, bytes, list[int]]] = []
        self._ended: list[int] = []
        self.is_shut_down = False
        try:
            for worker_id in range(count):
                worker = Worker(context, jobs(worker_id))
                self.list.append(worker)
                for file in (worker.channel.fileno(), worker.sentinel):
                    self._by_file[file] = worker_id
                    self._poll.register(file, select.POLLIN)
        except BaseException:
            self.shut_down(0)
            raise

    def send(self, worker_id: int, request: Any) -> None:
        """Sends a request, now or when there is room for it."""
        worker = self.list[worker_id]
        worker.channel.send(pickle.dumps(request, pickle.HIGHEST_PROTOCOL), [], wait=False)
        self._watch(worker)

    def dismiss(self, worker_id: int) -> None:
        """Lets a worker end that has nothing more to do."""
        self.list[worker_id].channel.end()

    def _watch(self, worker: Worker) -> None:
        if not worker.ended:
            events = select.POLLIN | (select.POLLOUT if worker.channel.is_waiting else 0)
            self._poll.modify(worker.channel.fileno(), events)

    def receive(self, timeout: float | None) -> Any:
        """The next answer of any worker; None after `timeout` seconds. Raises WorkerEnded once for each that ended."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._messages:
            if self._ended:
                raise WorkerEnded(self._ended.pop())
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            events = self._poll.poll(None if left is None else left * 1000)
            if not events and left == 0:
                return None
            for file, event in events:
                self._handle(self._by_file[file], file, event)
        worker_id, payload, files = self._messages.pop(0)
        return self.list[worker_id].blocks.unpack(payload, files)

    def _handle(self, worker_id: int, file: int, event: int) -> None:
        # Sends what waits, and takes all that the worker has sent, also before it ended.
        worker = self.list[worker_id]
        if worker.ended:
            return
        if event & select.POLLOUT:
            worker.channel.flush()
            self._watch(worker)
        if not event & ~select.POLLOUT:
            return
        gone = file == worker.sentinel
        with contextlib.suppress(BlockingIOError):
            while (message := worker.channel.receive(wait=False)) is not None:
                self._messages.append((worker_id, *message))
            gone = True
        if gone:
            self._end(worker)
            self._ended.append(worker_id)

    def _end(self, worker: Worker) -> None:
        worker.ended = True
        for file in (worker.channel.fileno(), worker.sentinel):
            self._poll.unregister(file)

    def shut_down(self, patience: float = MP_STATUS_CHECK_INTERVAL) -> None:
        """Ends all workers: those that do not end by themselves within `patience` seconds are killed."""
        if self.is_shut_down or os.getpid() != self._owner:
            return
        self.is_shut_down = True
        for worker in self.list:
            worker.channel.end()
        for force in (lambda process: None, lambda process: process.terminate(), lambda process: process.kill()):
            deadline = time.monotonic() + patience
            for worker in self.list:
                if worker.process.is_alive():
                    force(worker.process)
            for worker in self.list:
                worker.process.join(max(deadline - time.monotonic(), 0))
            patience = 1.0
        for worker in self.list:
            worker.process.join()
            worker.close()
        for _, _, files in self._messages:
            for file in files:
                os.close(file)
        self._messages.clear()

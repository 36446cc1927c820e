"""Does with Python's own multiprocessing what the benchmarks of common do.

    python_peer.py <placement> <work> [arguments]

Prints the nanoseconds of one operation. Each <work> is the name of a function
below.
"""

import math
import multiprocessing as mp
import os
import sys
import time
from array import array
from collections.abc import Callable
from multiprocessing.pool import Pool
from typing import Any

_MEASURED_S = 0.06
_WARM_S = 0.01


def pin(placement: str, lane: int) -> None:
    """Pins this process to the CPU of the same lane of a C++ contender."""
    if placement == "free":
        return
    cpus = sorted(_CPUS)
    index = 0 if placement == "same" else lane % 2
    os.sched_setaffinity(0, {cpus[index % len(cpus)]})


_CPUS = os.sched_getaffinity(0)


def repeat(operation: Callable[[], object]) -> float:
    """Repeats `operation`; returns the nanoseconds that one takes."""
    end = time.monotonic() + _WARM_S
    while time.monotonic() < end:
        operation()
    start = time.monotonic()
    end = start + _MEASURED_S
    count = 0
    now = start
    while now < end:
        operation()
        count += 1
        now = time.monotonic()
    return (now - start) / count * 1e9


def one_way(
    placement: str,
    size_bytes: str,
    send: Callable[[bytes], None],
    receive: Callable[[], bytes],
) -> float:
    """Returns the time of a message from a sending to a receiving process."""
    over = mp.Event()

    def work() -> None:
        pin(placement, 0)
        message = bytes(int(size_bytes))
        while not over.is_set():
            for _ in range(10):
                send(message)
        send(b"")

    sender = mp.Process(target=work)
    sender.start()
    pin(placement, 1)
    time_ns = repeat(receive)
    over.set()
    while receive():
        pass
    sender.join()
    return time_ns


def queue(placement: str, size_bytes: str, slots: str) -> float:
    """Returns the time of a message from a producer to a consumer."""
    items: "mp.Queue[bytes]" = mp.Queue(int(slots))
    return one_way(placement, size_bytes, items.put, items.get)


def counter(placement: str) -> float:
    """Returns the time of an increment by two processes, under the lock."""
    number: Any = mp.Value("q", 0)
    over = mp.Event()

    def increment(lane: int) -> None:
        pin(placement, lane)
        while not over.is_set():
            for _ in range(100):
                with number.get_lock():
                    number.value += 1

    workers = [mp.Process(target=increment, args=(i,)) for i in range(2)]
    for worker in workers:
        worker.start()
    time.sleep(_WARM_S)
    before, start = number.value, time.monotonic()
    time.sleep(_MEASURED_S)
    after, end = number.value, time.monotonic()
    over.set()
    for worker in workers:
        worker.join()
    return float((end - start) / (after - before) * 1e9)


def empty(number: int) -> int:
    """The smallest task."""
    return number


def pool(placement: str) -> Pool:
    """Returns a pool of two workers, placed in their order of arrival."""
    pin(placement, 0)
    lanes: "mp.SimpleQueue[int]" = mp.SimpleQueue()
    for lane in range(2):
        lanes.put(lane)
    return mp.Pool(2, lambda: pin(placement, lanes.get()))


def pool_task(placement: str) -> float:
    """Returns the time of one empty task in a map with chunks of one."""
    count = 500
    with pool(placement) as workers:
        return (
            repeat(lambda: workers.map(empty, range(count), chunksize=1))
            / count
        )


def sum_terms(numbers: "array[float]") -> float:
    """The sum of sqrt(x) * log(x + 1)."""
    return sum(math.sqrt(x) * math.log(x + 1) for x in numbers)


def pool_sum(placement: str) -> float:
    """Returns the time per number of a sum, with the best of some sizes."""
    numbers = array("d", range(1, 200_001))

    def summed(workers: Pool, size: int) -> float:
        slices = [numbers[i : i + size] for i in range(0, len(numbers), size)]
        return repeat(lambda: sum(workers.map(sum_terms, slices)))

    with pool(placement) as workers:
        times = [summed(workers, size) for size in (10_000, 50_000, 100_000)]
    return min(times) / len(numbers)


def pipe_round_trip(placement: str, size_bytes: str) -> float:
    """Returns the time of a message there and back through Pipe()."""
    here, there = mp.Pipe()

    def echo() -> None:
        pin(placement, 1)
        while message := there.recv_bytes():
            there.send_bytes(message)

    peer = mp.Process(target=echo)
    peer.start()
    pin(placement, 0)
    sent = bytes(int(size_bytes))

    def operation() -> None:
        here.send_bytes(sent)
        here.recv_bytes()

    time_ns = repeat(operation)
    here.send_bytes(b"")
    peer.join()
    return time_ns


def pipe_one_way(placement: str, size_bytes: str) -> float:
    """Returns the time of a message from one end of Pipe() to the other."""
    here, there = mp.Pipe()
    return one_way(placement, size_bytes, there.send_bytes, here.recv_bytes)


def manager(placement: str) -> float:
    """A call of an object in the server of a Manager."""
    pin(placement, 0)  # The server inherits that.
    with mp.Manager() as server:
        value = server.Value("i", 7)
        pin(placement, 1)
        return repeat(value.get)


_WORKS: dict[str, Callable[..., float]] = {
    "counter": counter,
    "manager": manager,
    "pipe_one_way": pipe_one_way,
    "pipe_round_trip": pipe_round_trip,
    "pool_sum": pool_sum,
    "pool_task": pool_task,
    "queue": queue,
}


def main() -> None:
    """Does what the command line says."""
    mp.set_start_method("fork")
    placement, work, *arguments = sys.argv[1:]
    print(_WORKS[work](placement, *arguments))


if __name__ == "__main__":
    main()

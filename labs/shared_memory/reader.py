"""The reader of shared_memory in Python: it knows a name and the layout.

    reader.py NAME            reads by memoryview
    reader.py NAME --numpy    reads by a numpy.ndarray

The lab runs it if you say --python or --numpy. NAME is the name of a file in
/dev/shm that a running lab has made.
"""

import importlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import resource_tracker, shared_memory
from typing import Any

# The layout of Board in board.h.
_SEQUENCE_BYTES = 8
_NUMBERS = 10
_BYTES = _SEQUENCE_BYTES + 8 * _NUMBERS

_LAST = 9
_LIMIT_S = 60.0
_PAUSE_S = 0.001

# Copies the ten numbers. Whether they were changed meanwhile, it cannot know.
Copy = Callable[[], list[int]]


def by_memoryview(buffer: memoryview) -> Copy:
    """Reads through a memoryview."""
    numbers = buffer[_SEQUENCE_BYTES:_BYTES].cast("q")
    say(f"Attached by memoryview: {_NUMBERS} items of format 'q'")
    return numbers.tolist


def by_numpy(buffer: memoryview) -> Copy:
    """Reads through an array that lies in the shared memory, not a copy."""
    # Only --numpy needs it.
    numpy: Any = importlib.import_module("numpy")
    numbers = numpy.ndarray(
        (_NUMBERS,), dtype=numpy.int64, buffer=buffer, offset=_SEQUENCE_BYTES
    )
    numbers.flags.writeable = False
    say(f"Attached by numpy.ndarray: {numbers.size} items of {numbers.dtype}")
    return lambda: [int(number) for number in numbers.copy()]


def read(sequence: Sequence[int], copy: Copy) -> str:
    """Looks until it sees the last number; returns what it has seen."""
    looks = torn = 0
    last = -1
    limit = time.monotonic() + _LIMIT_S
    while last != _LAST:
        if time.monotonic() > limit:
            raise TimeoutError(f"no {_LAST} in {_LIMIT_S:.0f} s")
        before = sequence[0]
        numbers = copy()
        if before % 2 or sequence[0] != before:
            continue
        looks += 1
        torn += len(set(numbers)) > 1
        last = numbers[0]
        time.sleep(_PAUSE_S)
    return f"Torn: {torn} of {looks} looks, last value {last}"


def say(text: str) -> None:
    """A line of the transcript, by one write."""
    os.write(1, f"Reader: {text}\n".encode())


def attach(name: str) -> shared_memory.SharedMemory:
    """Opens what others have made, and leaves its name to them.

    Below 3.13 Python registers all that it opens with its resource tracker,
    and that would remove the name when we exit.
    """
    resource_tracker.register = lambda name, rtype: None
    memory = shared_memory.SharedMemory(name=name)
    if memory.size < _BYTES:
        raise ValueError(f"{memory.size} bytes are less than {_BYTES}")
    return memory


def run(memory: shared_memory.SharedMemory, with_numpy: bool) -> None:
    """Reads; no view of the memory is left then, so that it can be closed."""
    copy = (by_numpy if with_numpy else by_memoryview)(memory.buf)
    with memory.buf[:_SEQUENCE_BYTES].cast("Q") as sequence:
        say(read(sequence, copy))


def main(arguments: list[str]) -> str:
    """Returns what went wrong, or ""."""
    names = [word for word in arguments if word != "--numpy"]
    if len(names) != 1 or names[0].startswith("-"):
        return "usage: reader.py NAME [--numpy]"
    problem = ""
    try:
        memory = attach(names[0])
    except (OSError, ValueError) as error:
        return f"reader.py: {names[0]}: {in_words(error)}"
    try:
        run(memory, "--numpy" in arguments)
    except (ImportError, OSError) as error:
        problem = f"reader.py: {in_words(error)}"
    memory.close()
    return problem


def in_words(error: Exception) -> str:
    """What an error of the system says, without its number and file."""
    return str(getattr(error, "strerror", None) or error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or 0)

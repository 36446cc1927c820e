"""How a program of the harness begins and ends, however it was started.

    if __name__ == "__main__":
        program.start("course", main)

It copes with what it inherits: closed descriptors, ignored signals, a folder
that is gone, a umask under which nothing can be read. And it ends quietly when
no process reads what it prints.
"""

import io
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

_FILES_WANTED = 1024
# As a shell calls the end of a program that wrote to a pipe without a reader.
_NO_READER = 128 + signal.SIGPIPE


class WrongEnvironment(ValueError):
    """A variable of the environment is nonsense; says which, and what fits."""


def start(name: str, main: Callable[[Sequence[str]], int]) -> NoReturn:
    """Runs `main` with the command line, and ends with its exit status."""
    prepare()
    try:
        status = main(sys.argv[1:])
    except SystemExit as error:  # From argparse, which has said why.
        status = error.code if isinstance(error.code, int) else 1
    except BrokenPipeError:
        status = _NO_READER
    except (OSError, RuntimeError, WrongEnvironment) as error:
        status = _tell(f"{name}: {in_words(error)}")
    sys.exit(_flush(status))


def in_words(error: Exception) -> str:
    """Returns what an error means to a user, who does not know Python."""
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return place + error.strerror
    return str(error) or type(error).__name__


def _tell(text: str) -> int:
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        pass  # The status says it too.
    return 1


def _flush(status: int) -> int:
    """Writes what is left; what cannot be is not tried again at the exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            is_pipe = isinstance(error, BrokenPipeError)
            status = status or (_NO_READER if is_pipe else 1)
    return status


def prepare() -> None:
    """Repairs what our starter may have passed on to us, and we to the labs."""
    _open_standard_descriptors()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(0o022)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _FILES_WANTED:
        most = _FILES_WANTED
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        os.getcwd()
    except OSError:
        os.chdir("/")


def _open_standard_descriptors() -> None:
    """Opens those that are closed, before a pipe of ours gets their number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            fd = os.open(os.devnull, os.O_RDWR)
            if fd != number:
                os.dup2(fd, number)
                os.close(fd)
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            # pylint: disable-next=consider-using-with
            stream = open(number, mode, encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            # What a lab prints need not be text, nor of our character set.
            stream.reconfigure(
                errors="backslashreplace" if number else "replace"
            )

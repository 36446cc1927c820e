"""The workers of a supervisor, and the signals: see harness/referee.py."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from harness import referee
from harness.referee import Program, expect

_LOG = "/tmp/log"
# A worker writes when it begins and when it ends, in nanoseconds.
_BEGIN = f'echo "begin $(date +%s%N)" >>{_LOG}; '
_END = f'echo "end $(date +%s%N)" >>{_LOG}; '
# On a busy machine, what must happen at once may take this long.
_AT_ONCE_S = 5.0
_NEVER_MS = 100_000

# Workers that wait for SIGTERM, and say when they are ready for it.
_POLITE = """
import os, signal, time
def end(number, frame):
    time.sleep(0.3)  # It has work to finish.
    os.write(1, b"saved\\n")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
os.write(1, b"ready\\n")
while True:
    signal.pause()
"""
_STUBBORN = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(1, b"ready\\n")
while True:
    signal.pause()
"""


def _python(text: str) -> Sequence[str]:
    return (sys.executable, "-S", "-c", text)


def _start(program: str, allowed: int, pause_ms: int, *command: str) -> Program:
    return Program(program, str(allowed), str(pause_ms), *command)


def _log(what: str) -> list[int]:
    """Returns the times at which workers began, or ended."""
    try:
        with open(_LOG, encoding="ascii") as file:
            lines = [line.split() for line in file]
    except FileNotFoundError:
        return []
    return [int(words[1]) for words in lines if words[0] == what]


def _ends_at_once(supervisor: Program, when: str) -> None:
    """Expects the supervisor to end soon, with status 0."""
    try:
        supervisor.process.wait(_AT_ONCE_S)
    except subprocess.TimeoutExpired:
        raise referee.Failed(
            f"{supervisor.name} has not ended {_AT_ONCE_S:g} s {when}"
        ) from None
    supervisor.end(0, when)


def succeeds(program: str, chance: random.Random) -> None:
    """A worker that ends with status 0 is not started again."""
    del chance
    _start(program, 3, 1, "sh", "-c", _BEGIN + "exit 0").end(
        0, "when its worker had succeeded"
    )
    expect(
        len(_log("begin")) == 1,
        f"a worker that succeeds was started {len(_log('begin'))} times",
    )
    os.remove(_LOG)


def restarts(program: str, chance: random.Random) -> None:
    """A worker that fails, or is killed, is started again until it succeeds."""
    for how in ("exit 7", "kill -KILL $$", "kill -SEGV $$"):
        failures = chance.randrange(1, 4)
        last = f"[ $(wc -l <{_LOG}) -gt {failures} ] && exit 0; {how}"
        with open(_LOG, "w", encoding="ascii"):
            pass
        _start(program, 5, 1, "sh", "-c", _BEGIN + last).end(
            0, f"when its worker had ended by `{how}` and then succeeded"
        )
        expect(
            len(_log("begin")) == failures + 1,
            f"a worker that ends {failures} times by `{how}`, and then"
            f" succeeds, was started {len(_log('begin'))} times",
        )


def gives_up(program: str, chance: random.Random) -> None:
    """A worker that always fails is started again as often as allowed."""
    for allowed in (0, chance.randrange(2, 6)):
        with open(_LOG, "w", encoding="ascii"):
            pass
        told = subprocess.run(
            [program, str(allowed), "1", "sh", "-c", _BEGIN + "exit 1"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        found = len(_log("begin"))
        expect(
            found == allowed + 1,
            f"with {allowed} restarts the worker was started {found} times",
        )
        expect(
            told.returncode == 1,
            f"{referee.told_status(told.returncode)} when it had given up,"
            " not with status 1",
        )
        lines = told.stderr.decode(errors="replace").splitlines()
        expect(
            len(lines) == 1,
            f"it says {len(lines)} lines on standard error when it has given"
            " up, not one",
        )


def backs_off(program: str, chance: random.Random) -> None:
    """The pause before a restart doubles, up to eight times the first."""
    del chance
    count, pause_ms = 7, 40
    _start(program, count, pause_ms, "sh", "-c", _BEGIN + _END + "exit 1").end(
        1
    )
    begins, deaths = _log("begin"), _log("end")
    expect(
        len(begins) == count + 1,
        f"with {count} restarts the worker was started {len(begins)} times",
    )
    for number in range(count):
        least_ms = pause_ms * min(2**number, 8)
        found_ms = (begins[number + 1] - deaths[number]) / 1e6
        expect(
            found_ms >= least_ms,
            f"the pause before restart {number + 1} was {found_ms:.0f} ms, and"
            f" must be {least_ms} ms",
        )
        # No machine is so slow: a much longer pause follows another rule.
        expect(
            found_ms < 8 * pause_ms + 2000,
            f"the pause before restart {number + 1} was {found_ms:.0f} ms, and"
            f" must be {least_ms} ms",
        )


def ends(program: str, chance: random.Random) -> None:
    """SIGTERM is passed on, and the worker may finish its work."""
    del chance
    for number in (signal.SIGTERM, signal.SIGINT):
        supervisor = _start(program, 5, 1, *_python(_POLITE))
        supervisor.await_line("ready")
        supervisor.signal(number)
        assert supervisor.process.stdout
        said = supervisor.process.stdout.readline()
        expect(
            said == b"saved\n",
            f"after {signal.Signals(number).name} to the supervisor its worker"
            " was not told to end, or not given the time to save"
            + (f": it said {said!r}" if said else ""),
        )
        _ends_at_once(supervisor, f"after {signal.Signals(number).name}")


def kills_the_stubborn(program: str, chance: random.Random) -> None:
    """A worker that ignores SIGTERM has one second, and is killed."""
    del chance
    supervisor = _start(program, 5, 1, *_python(_STUBBORN))
    supervisor.await_line("ready")
    supervisor.signal(signal.SIGTERM)
    _ends_at_once(supervisor, "after SIGTERM, with a worker that ignores it")


def ends_in_a_pause(program: str, chance: random.Random) -> None:
    """SIGTERM in a long pause ends the supervisor at once."""
    del chance
    supervisor = _start(program, 5, _NEVER_MS, "sh", "-c", "echo $$; exit 1")
    assert supervisor.process.stdout
    worker = supervisor.process.stdout.readline().decode().strip()
    # The pause begins when the supervisor has reaped the worker.
    while worker and os.path.exists(f"/proc/{worker}"):
        time.sleep(0.001)
    supervisor.signal(signal.SIGTERM)
    _ends_at_once(supervisor, "after SIGTERM in a pause")


def ends_at_any_time(program: str, chance: random.Random) -> None:
    """SIGTERM at random instants, while workers fail and are started again."""
    for _ in range(20):
        worker = ("sh", "-c", "echo started; exit 1")
        supervisor = _start(program, 1_000_000, 1, *worker)
        supervisor.await_line("started")
        time.sleep(chance.random() * 0.03)
        supervisor.signal(signal.SIGTERM)
        _ends_at_once(supervisor, "after SIGTERM, while its worker fails")


def takes_its_worker_along(program: str, chance: random.Random) -> None:
    """When the supervisor is killed, its worker ends as well."""
    del chance
    supervisor = _start(program, 5, 1, *_python(_STUBBORN))
    supervisor.await_line("ready")
    supervisor.signal(signal.SIGKILL)
    supervisor.end(-signal.SIGKILL)
    # The read ends when no process has the other end of the pipe any more.
    assert supervisor.process.stdout
    referee.say("the supervisor is dead; its worker must be, too")
    supervisor.process.stdout.read()


def starts_it_clean(program: str, chance: random.Random) -> None:
    """The worker has the usual signals and descriptors."""
    del chance
    # This is not run by a shell, which would clear the signals itself.
    state = ("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
    # The supervisor may pass on what it has inherited itself.
    before = subprocess.run(state, capture_output=True, check=True).stdout
    blocked, ignored = (
        now - then
        for now, then in zip(
            _signals(_said_by(program, *state)), _signals(before.decode())
        )
    )
    descriptors = _said_by(program, "ls", "/proc/self/fd").split()
    expect(
        not blocked,
        f"the worker begins with signals blocked: {_names(blocked)}",
    )
    expect(
        not ignored,
        f"the worker begins with signals ignored: {_names(ignored)}",
    )
    # One of them is ls(1)'s own.
    expect(
        len(descriptors) <= 4,
        "the worker begins with the descriptors"
        f" {' '.join(descriptors[:-1])} open",
    )


def _said_by(program: str, *command: str) -> str:
    """Returns what a worker says; the worker must succeed."""
    supervisor = _start(program, 0, 1, *command)
    assert supervisor.process.stdout
    said = supervisor.process.stdout.read().decode()
    supervisor.end(0, f"with `{' '.join(command)}`")
    return said


def _signals(status: str) -> list[set[int]]:
    """Returns the signals that each line of /proc/self/status stands for."""
    masks = [int(line.split()[1], 16) for line in status.splitlines()]
    return [{n for n in range(1, 65) if mask >> (n - 1) & 1} for mask in masks]


def _names(numbers: set[int]) -> str:
    named = {each.value: each.name for each in signal.Signals}
    return ", ".join(named.get(n, f"signal {n}") for n in sorted(numbers))


def refuses(program: str, chance: random.Random) -> None:
    """A wrong usage gets one line; a command that is not there fails."""
    del chance
    for arguments in ([""], ["1"], ["1", "1"], ["x", "1", "true"]):
        told = subprocess.run(
            [program, *filter(None, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        lines = told.stderr.decode(errors="replace").splitlines()
        expect(
            told.returncode == 2 and len(lines) == 1,
            f"with the arguments {arguments} it"
            f" {referee.told_status(told.returncode)} and says {len(lines)}"
            " lines, not status 2 and one line",
        )
    _start(program, 1, 1, "/no/such/command").end(
        1, "when the command does not exist"
    )


if __name__ == "__main__":
    referee.play(
        {
            "succeeds": succeeds,
            "restarts": restarts,
            "gives_up": gives_up,
            "backs_off": backs_off,
            "ends": ends,
            "kills_the_stubborn": kills_the_stubborn,
            "ends_in_a_pause": ends_in_a_pause,
            "ends_at_any_time": ends_at_any_time,
            "takes_its_worker_along": takes_its_worker_along,
            "starts_it_clean": starts_it_clean,
            "refuses": refuses,
        }
    )

"""The savers and loaders of a configuration: see harness/referee.py."""

import os
import random
import re
import resource
import subprocess
from collections.abc import Callable, Sequence

from harness import referee
from harness.referee import expect, say

# On another file system than /tmp: a file cannot be renamed from there.
_FOLDER = "/dev/shm/config"
_FILE = f"{_FOLDER}/app.conf"
_TRACED = "/tmp/traced"
_STRACE = ("strace", "-qq", "-f", "-o", _TRACED)
# Calls that change, or may change, what is on the disk.
_CHANGES = (
    "open,openat,openat2,creat,write,writev,pwrite64,pwritev,ftruncate,truncate"
    ",rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat"
    ",fsync,fdatasync,sync,syncfs,sync_file_range,close,fallocate,sendfile"
    ",copy_file_range,mmap,munmap,msync,flock,fcntl"
)
_RENAMES = r"(?:rename|renameat|renameat2|linkat)\("
_WRITES = r"(?:write|writev|pwrite64|pwritev|sendfile|copy_file_range)\("


def _make(chance: random.Random, number: int, size: int) -> bytes:
    """Returns a configuration whose every line says which one it is."""
    line = f"version = {number} {chance.randrange(10**9)}\n".encode()
    return (line * (size // len(line) + 1))[:size]


def _save(
    program: str,
    content: bytes,
    by: Sequence[str] = (),
    before: Callable[[], None] | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [*by, program, "save", _FILE],
        input=content,
        capture_output=True,
        preexec_fn=before,
        check=False,
    )


def _saved(program: str, content: bytes, what: str) -> None:
    """Saves a configuration, which must succeed."""
    told = _save(program, content)
    expect(
        told.returncode == 0,
        f"saving {what} {referee.told_status(told.returncode)}:"
        f" {_first_line(told.stderr)}",
    )


def _first_line(text: bytes) -> str:
    lines = text.decode(errors="replace").splitlines()
    return lines[0] if lines else "(it says nothing)"


def _load(program: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [program, "load", _FILE],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


def _loaded(program: str, allowed: Sequence[bytes], when: str) -> bytes:
    """Loads the configuration, which must be one of these, whole."""
    told = _load(program)
    expect(
        told.returncode == 0,
        f"loading {when} {referee.told_status(told.returncode)}:"
        f" {_first_line(told.stderr)}",
    )
    if told.stdout in allowed:
        return told.stdout
    sizes = " or ".join(f"{len(one):,}" for one in allowed)
    raise referee.Failed(
        f"loading {when} gives {len(told.stdout):,} bytes, which are none of"
        f" the configurations that were saved ({sizes} bytes)"
    )


def _others() -> list[str]:
    """Returns the names of the files beside the configuration."""
    return sorted(
        name for name in os.listdir(_FOLDER) if f"{_FOLDER}/{name}" != _FILE
    )


def keeps(program: str, chance: random.Random) -> None:
    """What is saved is loaded: no bytes, one, or many that are not text."""
    for number, size in enumerate((0, 1, 4096, 3_000_000)):
        content = chance.randbytes(size)
        _saved(program, content, f"{size:,} bytes")
        _loaded(program, [content], f"what save {number + 1} has saved")
    expect(not _others(), f"beside the configuration there is {_others()}")
    os.remove(_FILE)
    told = _load(program)
    expect(told.returncode > 0, "loading what is not there does not fail")
    lines = told.stderr.decode(errors="replace").splitlines()
    expect(
        len(lines) == 1 and not told.stdout,
        f"loading what is not there says {len(lines)} lines, not one, on"
        " standard error",
    )


def never_half(program: str, chance: random.Random) -> None:
    """A reader that looks while a saver saves sees the old or the new."""
    old = _make(chance, 0, 1_000_000)
    _saved(program, old, "the first configuration")
    for number in range(1, 6):
        new = _make(chance, number, chance.randrange(100_000, 2_000_000))
        saver = subprocess.Popen(
            [program, "save", _FILE],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert saver.stdin and saver.stderr
        try:
            saver.stdin.write(new[: len(new) // 2])
            saver.stdin.flush()
            _loaded(program, [old], "when half of the next one was sent")
            saver.stdin.write(new[len(new) // 2 :])
            saver.stdin.close()
        except BrokenPipeError:
            pass  # Its status says why.
        while saver.poll() is None:
            _loaded(program, [old, new], "while the next one is saved")
        expect(
            saver.returncode == 0,
            f"saving {referee.told_status(saver.returncode)}:"
            f" {_first_line(saver.stderr.read())}",
        )
        _loaded(program, [new], "after the save")
        old = new


def survives_kills(program: str, chance: random.Random) -> None:
    """The saver is killed before each of its calls, one call per save."""
    old, new = _make(chance, 1, 20_000), _make(chance, 2, 30_000)
    _saved(program, old, "the first configuration")
    told = _save(program, new, [*_STRACE, f"--trace={_CHANGES}"])
    expect(told.returncode == 0, "saving fails")
    calls = _own_calls()
    left: list[str] = []
    for name, number, call in calls:
        _saved(program, old, f"after a death before {call}")
        kill = f"--inject={name}:signal=KILL:when={number}"
        _save(program, new, [*_STRACE, f"--trace={_CHANGES}", kill])
        when = f"after the saver was killed before {call}"
        _loaded(program, [old, new], when)
        left = max(left, _others(), key=len)
    say(f"it was killed before each of {len(calls)} calls")
    expect(
        len(left) <= 2,
        f"each killed saver leaves a file: {len(left)} of them lie there,"
        f" as {left[0] if left else 'none'}",
    )
    _saved(program, new, "after all the deaths")
    _loaded(program, [new], "after all the deaths")


def _own_calls() -> list[tuple[str, int, str]]:
    """Returns the calls after the loader's: name, number by name, and text."""
    with open(_TRACED, encoding="latin-1") as file:
        lines = [re.sub(r"^\d+ +", "", line) for line in file]
    lines = [line for line in lines if re.match(r"\w+\(", line)]
    loading = max(
        (n for n, line in enumerate(lines) if ".so" in line), default=0
    )
    counts: dict[str, int] = {}
    found = []
    for place, line in enumerate(lines):
        name = line.partition("(")[0]
        counts[name] = counts.get(name, 0) + 1
        if place > loading:
            text = line.partition(" = ")[0].strip()[:60]
            found.append((name, counts[name], text))
    return found


def is_durable(program: str, chance: random.Random) -> None:
    """The new file reaches the disk before it has the name."""
    _saved(program, _make(chance, 1, 5000), "the first configuration")
    told = _save(
        program, _make(chance, 2, 9000), [*_STRACE, f"--trace={_CHANGES}"]
    )
    expect(told.returncode == 0, "saving fails")
    calls = [call for _, _, call in _own_calls()]
    renames = [n for n, call in enumerate(calls) if re.match(_RENAMES, call)]
    expect(bool(renames), "the name is not changed by rename(2)")
    before = calls[: renames[0]]
    writes = [n for n, call in enumerate(before) if re.match(_WRITES, call)]
    syncs = [
        n
        for n, call in enumerate(before)
        if re.match(r"(?:fsync|fdatasync|sync|syncfs)\(", call)
    ]
    expect(
        bool(syncs) and (not writes or syncs[-1] > writes[-1]),
        "the new file is renamed before fsync(2) has made it durable: after a"
        " power failure it may be empty",
    )
    expect(
        any("sync" in call for call in calls[renames[-1] :]),
        "the folder is not made durable: after a power failure the old"
        " configuration may be back",
    )


def has_no_room(program: str, chance: random.Random) -> None:
    """The disk is full, or fails: the old configuration stays."""
    old, new = _make(chance, 1, 3000), _make(chance, 2, 50_000)
    _saved(program, old, "the first configuration")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    injections: list[tuple[str, Sequence[str], Callable[[], None] | None]] = [
        ("files may have no more than 8 KiB", (), limit)
    ]
    for call, error in (
        ("fsync,?fdatasync", "EIO"),
        ("?rename,?renameat", "EIO"),
        ("write,?pwrite64", "ENOSPC"),
    ):
        injections.append(
            (
                f"{call.replace('?', '').partition(',')[0]} fails with {error}",
                (
                    *_STRACE,
                    f"--trace={_CHANGES}",
                    f"--inject={call}:error={error}",
                ),
                None,
            )
        )
    for when, by, before in injections:
        told = _save(program, new, by, before)
        expect(
            told.returncode > 0,
            f"when {when}, saving {referee.told_status(told.returncode)},"
            " not with an error",
        )
        _loaded(program, [old], f"after a save in which {when}")
        expect(
            not _others(), f"after a save in which {when} there is {_others()}"
        )
    say("now there is room")
    _saved(program, new, "when there is room again")
    _loaded(program, [new], "when there is room again")


def many_savers(program: str, chance: random.Random) -> None:
    """Several savers run at once; what one of them has saved is there."""
    for _ in range(8):
        contents = [
            _make(chance, n, chance.randrange(100_000, 1_500_000))
            for n in range(4)
        ]
        savers = []
        for number, content in enumerate(contents):
            with open(f"/tmp/new{number}", "wb") as file:
                file.write(content)
            with open(f"/tmp/new{number}", "rb") as file:
                savers.append(
                    subprocess.Popen([program, "save", _FILE], stdin=file)
                )
        for saver in savers:
            status = saver.wait()
            expect(
                status == 0,
                f"one of four savers {referee.told_status(status)}",
            )
        _loaded(program, contents, "after four savers at once")
        expect(not _others(), f"after four savers there is {_others()}")


if __name__ == "__main__":
    os.mkdir(_FOLDER)
    referee.play(
        {
            "keeps": keeps,
            "never_half": never_half,
            "survives_kills": survives_kills,
            "is_durable": is_durable,
            "has_no_room": has_no_room,
            "many_savers": many_savers,
        }
    )

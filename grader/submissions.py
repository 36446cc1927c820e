"""Collects what a class has handed in: each learner's file for each exercise.

    collected = collect([pathlib.Path("class")], ["pipes/receive"])

A place is one of these:

    a folder           each entry right in it is a learner: a folder, or an
                       archive (.zip, .tar, .tar.gz, .tar.xz, .tar.bz2)
    an archive         one learner's, named after the archive
    one zip archive,   a whole class, as a learning management system exports
    no other place     it, if it has neither my/ nor the shelf of an exercise
                       at its top, but an archive, or at least two folders:
                       each of them is a learner

An archive beside other places is always one learner's: who packs it cannot
speak for others. A learner whose folder has none of the files, but one archive,
has handed in that archive. Other archives in archives are not opened.

For "pipes/receive", the file is the one whose path ends in pipes/receive.cc. If
there are several, the one below my/ with the fewest folders counts; if that
does not decide, none is taken. Names are compared byte by byte, so
Pipes/receive.cc is not it.

What was handed in is hostile. Each learner's work is read by unpack.py, in a
process of its own with limits; nothing is unpacked to disk, and no link is
followed. A learner who is named by two entries (anna/ and anna.zip) has handed
in both: what is in both is not taken, unless it is the same.
"""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import signal
import stat
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from grader import unpack
from grader.model import Submission, shown
from harness.run import time_scale

# More than any course has; each may cost MOST_CPU_S.
MOST_LEARNERS = 5000
# Seconds of the processor for one learner. The dearest that the other limits
# allow, 64 MiB from bzip2, takes about 5.
MOST_CPU_S = 20
# Seconds by the clock, on a machine that does much else.
MOST_S = 120
# Lines about what was ignored.
MOST_NOTES = 50
# Of a line that a reader has written: names in it come from the learner.
MOST_LINE = 400

_READER = pathlib.Path(unpack.__file__)
_OTHER_ENDINGS = (".7z", ".rar", ".zst", ".lz", ".gz", ".xz", ".bz2", ".z")


class NotAClass(Exception):
    """A place cannot be read as a class; says why. No learner can cause it."""


@dataclasses.dataclass(frozen=True)
class Collected:
    """What a class has handed in.

    learners: all, in the order of the places, and by name in each; also those
        who have handed in nothing.
    submissions: for each learner, in this order, those exercises that have a
        file, or a problem.
    notes: lines about what was ignored; they can be printed as they are.
    """

    learners: tuple[str, ...]
    submissions: tuple[Submission, ...]
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Entry:
    """Something that a learner has handed in.

    place: what it is called where two have the same learner.
    kind: of archive, or unpack.FOLDER.
    open: returns its descriptor; raises OSError or unpack.Unfit.
    top: its name in the archive of a class, in hex; "" if it is in none.
    problem: why it cannot be taken; it is not opened then.
    """

    learner: str
    place: str
    kind: str = ""
    open: Callable[[], int] | None = None
    top: str = ""
    problem: str = ""


def collect(places: Sequence[pathlib.Path], titles: Sequence[str]) -> Collected:
    """Reads the files of these exercises from a class.

    Raises:
      NotAClass: a place is not there, or is no folder and no archive.
    """
    notes: list[str] = []
    entries: list[_Entry] = []
    for place in places:
        entries += _entries(place, len(places) == 1, titles, notes)
    if len(entries) > MOST_LEARNERS:
        raise NotAClass(f"there are more than {MOST_LEARNERS:,} learners")
    workers = os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(lambda one: _read(one, titles), entries))
    of_learner: dict[str, list[tuple[_Entry, dict[str, Submission]]]] = {}
    for entry, (submissions, said) in zip(entries, found):
        of_learner.setdefault(entry.learner, []).append((entry, submissions))
        notes += [f"{shown(entry.place)}: {line}" for line in said]
    return Collected(
        tuple(of_learner),
        tuple(
            submission
            for learner, own in of_learner.items()
            for title in titles
            if (submission := _of_all(learner, title, own))
        ),
        tuple(_bounded(notes)),
    )


def _of_all(
    learner: str,
    title: str,
    entries: Sequence[tuple[_Entry, dict[str, Submission]]],
) -> Submission | None:
    """Returns what a learner has for an exercise in all entries."""
    own = [(entry, found[title]) for entry, found in entries if title in found]
    if len(own) <= 1:
        return own[0][1] if own else None
    if len({submission.digest for _, submission in own}) == 1:
        return own[0][1]
    where = " and ".join(shown(entry.place) for entry, _ in own[:3])
    return Submission(
        learner,
        title,
        problem=f"it is there {len(own)} times: in {where}"[:MOST_LINE],
    )


def _bounded(notes: list[str]) -> list[str]:
    lines = [line[:MOST_LINE] for line in notes[:MOST_NOTES]]
    if len(notes) > MOST_NOTES:
        lines.append(f"and {len(notes) - MOST_NOTES} more lines like these")
    return lines


def _name(entry: str) -> str:
    """Returns a name of the file system as model.Submission has it."""
    return unpack.text_of(os.fsencode(entry))


def _entries(
    place: pathlib.Path, is_alone: bool, titles: Sequence[str], notes: list[str]
) -> list[_Entry]:
    """Returns what learners have handed in at a place."""
    try:
        # Whoever grades has named it, so a link is followed here.
        mode = place.stat().st_mode
    except OSError as error:
        raise NotAClass(f"{shown(str(place))}: {error.strerror}") from None
    except ValueError as error:
        raise NotAClass(f"{shown(str(place))}: {error}") from None
    if stat.S_ISDIR(mode):
        return _in_folder(place, titles, notes)
    kind = unpack.archive_kind(place.name)
    if not stat.S_ISREG(mode) or not kind:
        raise NotAClass(
            f"{shown(str(place))} is neither a folder nor an archive"
            f" ({', '.join(unpack.ENDINGS)})"
        )
    name = _name(place.name)
    own = _Entry(
        unpack.without_ending(name),
        name,
        kind,
        lambda: os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK),
    )
    if is_alone and kind == "zip":
        return _in_class(own, titles, notes) or [own]
    return [own]


def _in_folder(
    place: pathlib.Path, titles: Sequence[str], notes: list[str]
) -> list[_Entry]:
    """Returns the learners of a folder."""
    names = []
    try:
        with os.scandir(place) as found:
            for one in found:
                names.append(os.fsencode(one.name))
                if len(names) > 2 * MOST_LEARNERS:
                    raise NotAClass(
                        f"{shown(str(place))} has more than"
                        f" {2 * MOST_LEARNERS:,} entries"
                    )
    except OSError as error:
        raise NotAClass(f"{shown(str(place))}: {error.strerror}") from None
    if b"my" in names or {t.split("/")[0].encode() for t in titles} & {*names}:
        notes.append(
            f"{shown(str(place))} looks like the folder of one learner: each"
            " entry in it is taken for a learner"
        )
    entries = []
    for name in sorted(names):
        if unpack.is_junk(name):
            continue
        entry = _in_class_folder(place, name)
        if entry is None:
            notes.append(
                f"{shown(unpack.text_of(name))}: ignored, because it is neither"
                " a folder nor an archive"
            )
        else:
            entries.append(entry)
    return entries


def _in_class_folder(place: pathlib.Path, name: bytes) -> _Entry | None:
    """Returns what an entry of a class's folder is; None if no learner's."""
    text = unpack.text_of(name)
    path = os.path.join(os.fsencode(place), name)
    try:
        mode = os.lstat(path).st_mode
    except OSError as error:
        return _Entry(
            text, text, problem=f"it cannot be read: {error.strerror}"
        )
    if stat.S_ISDIR(mode):
        return _Entry(
            text, text, unpack.FOLDER, lambda: _open_in(place, name, True)
        )
    kind = unpack.archive_kind(text)
    learner = unpack.without_ending(text)
    if stat.S_ISLNK(mode):
        said = "it is a symbolic link, which is not followed"
        return _Entry(learner, text, problem=said)
    if kind and stat.S_ISREG(mode):
        return _Entry(learner, text, kind, lambda: _open_in(place, name, False))
    if kind:
        return _Entry(learner, text, problem="it is not a plain file")
    if text.lower().endswith(_OTHER_ENDINGS):
        said = (
            f"it is packed in none of these ways: {', '.join(unpack.ENDINGS)}"
        )
        return _Entry(text, text, problem=said)
    return None


def _open_in(place: pathlib.Path, name: bytes, is_folder: bool) -> int:
    """Opens an entry of a class's folder, and nothing that is a link."""
    folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not is_folder:
            return unpack.open_plain(folder, name)
        return os.open(
            name,
            os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC,
            dir_fd=folder,
        )
    finally:
        os.close(folder)


def _in_class(
    archive: _Entry, titles: Sequence[str], notes: list[str]
) -> list[_Entry]:
    """Returns the learners of a class's archive; none if it is no class's."""
    try:
        words, _ = _ask(archive, {"kind": "survey", "titles": []})
        top = [
            (str(raw), str(name), str(kind)) for raw, name, kind in words["top"]
        ]
    except (_NoAnswer, KeyError, TypeError, ValueError):
        # It will be said of the one learner whose it is then.
        return []
    shelves = {title.split("/")[0] for title in titles} | {"my"}
    folders = [one for one in top if one[2] == unpack.FOLDER]
    archives = [
        one
        for one in top
        if one[2] == unpack.PLAIN and unpack.archive_kind(one[1])
    ]
    if any(name in shelves for _, name, _ in folders):
        return []
    if not archives and len(folders) < 2:
        return []
    entries = []
    for raw, name, kind in top:
        packed = unpack.archive_kind(name)
        if kind == unpack.FOLDER:
            entries.append(_Entry(name, name, "", archive.open, raw))
        elif packed and kind == unpack.PLAIN:
            learner = unpack.without_ending(name)
            entries.append(_Entry(learner, name, packed, archive.open, raw))
        elif packed or name.lower().endswith(_OTHER_ENDINGS):
            said = "it is not an archive that can be read"
            learner = unpack.without_ending(name)
            entries.append(_Entry(learner, name, problem=said))
        else:
            notes.append(
                f"{shown(name)}: ignored, because it is neither a folder nor an"
                " archive"
            )
    notes.append(
        f"{shown(archive.place)} is taken for a class of {len(entries)}"
    )
    return entries


class _NoAnswer(Exception):
    """A learner's work could not be read; says why."""


def _read(
    entry: _Entry, titles: Sequence[str]
) -> tuple[dict[str, Submission], list[str]]:
    """Returns what is in an entry, by exercise, and notes."""
    try:
        if entry.problem:
            raise _NoAnswer(entry.problem)
        question: dict[str, Any] = {"kind": entry.kind, "titles": [*titles]}
        if entry.top:
            question["top"] = entry.top
        words, sources = _ask(entry, question)
        return _understood(entry, titles, words, sources)
    except _NoAnswer as error:
        problem = shown(str(error))[:MOST_LINE]
        return {
            title: Submission(entry.learner, title, problem=problem)
            for title in titles
        }, []


def _understood(
    entry: _Entry, titles: Sequence[str], words: Any, sources: bytes
) -> tuple[dict[str, Submission], list[str]]:
    """Checks what a reader has answered: something hostile may have."""
    found: dict[str, Submission] = {}
    place = 0
    try:
        notes = [shown(str(note))[:MOST_LINE] for note in words["notes"]][:10]
        for title, problem, size in words["found"]:
            if title not in titles or title in found:
                raise ValueError(title)
            source = None
            if size >= 0:
                source = sources[place : place + size]
                place += size
            if source is not None and len(source) != size:
                raise ValueError(title)
            said = shown(str(problem))[:MOST_LINE]
            found[title] = Submission(entry.learner, title, source, said)
        if place != len(sources):
            raise ValueError("more bytes than were announced")
    except (KeyError, TypeError, ValueError):
        raise _NoAnswer(_FAILED) from None
    return found, notes


_FAILED = "it cannot be read: what reads it has failed"


def _ask(entry: _Entry, question: dict[str, Any]) -> tuple[Any, bytes]:
    """Starts a reader of an entry; returns what it says, and the files.

    Raises:
      _NoAnswer: it has not said anything that can be understood.
    """
    assert entry.open is not None
    try:
        fd = entry.open()
    except OSError as error:
        raise _NoAnswer(f"it cannot be read: {error.strerror}") from None
    except unpack.Unfit as unfit:
        raise _NoAnswer(f"it {unfit}") from None
    try:
        scale = time_scale()
        question = question | {"fd": fd, "cpu_s": int(MOST_CPU_S * scale) + 1}
        answer = _run(json.dumps(question).encode(), fd, MOST_S * scale)
    finally:
        os.close(fd)
    try:
        (size,) = struct.unpack_from(">L", answer)
        words = json.loads(answer[4 : 4 + size])
    except (struct.error, ValueError, RecursionError):
        raise _NoAnswer(_FAILED) from None
    if isinstance(words, dict) and "refused" in words:
        raise _NoAnswer(str(words["refused"]))
    return words, answer[4 + size :]


def _run(question: bytes, fd: int, most_s: float) -> bytes:
    """Runs a reader; returns what it has written.

    It writes into memory that no file limit of its own lets it exceed: nobody
    must read along, and it cannot flood anyone.
    """
    with (
        os.fdopen(os.memfd_create("question"), "w+b") as asked,
        os.fdopen(os.memfd_create("answer"), "w+b") as told,
    ):
        asked.write(question)
        asked.seek(0)
        with subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-X", "utf8", str(_READER)],
            stdin=asked,
            stdout=told,
            stderr=subprocess.DEVNULL,
            pass_fds=(fd,),
            env=dict[str, str](),
        ) as reader:
            try:
                status = reader.wait(most_s)
            except subprocess.TimeoutExpired:
                reader.kill()
                raise _NoAnswer(
                    f"it cannot be read within {most_s:.0f} seconds"
                ) from None
            except BaseException:
                reader.kill()
                raise
        if status in (-signal.SIGKILL, -signal.SIGXCPU):
            raise _NoAnswer("it takes too long to read, or too much memory")
        if status:
            raise _NoAnswer(f"{_FAILED} (status {status})")
        told.seek(0)
        return told.read(4 + unpack.MOST_SOURCES + unpack.MOST_WORDS)

"""Reads the work of one learner, in a process of its own.

    python -I unpack.py < question > answer

What is read is hostile. So this process limits itself first, unpacks nothing to
disk, and needs nothing but the standard library: a fault of it costs one
learner's files and no more. The question is JSON, with the descriptor of what
is to be read. The answer is four bytes with the length of a JSON text, that
text, and the bytes of the files in its order. submissions.py asks, and checks
the answer.

The archives are parsed here, because zipfile and tarfile believe what is
written in an archive: both read headers of any size, take the last of two
members with one name, and follow a header to wherever it points.
"""

import bz2
import io
import json
import lzma
import os
import resource
import stat
import struct
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, Protocol

KIB, MIB = 1 << 10, 1 << 20

# The longest solution has 6 KiB: no honest file is larger than this.
MOST_SOURCE = 64 * KIB
# All solutions of the course have 0.6 MiB. The grader keeps this much of each
# learner in memory, so 200 learners cannot fill more than 800 MiB.
MOST_SOURCES = 4 * MIB
# A clone of the course, with its history packed, has about 1,500.
MOST_ENTRIES = 20_000
# A zip archive that is no zip64 has no more.
MOST_CLASS_ENTRIES = 65_534
# The directory of a zip archive: for each entry, 250 bytes.
MOST_DIRECTORY = 16 * MIB
# Each level keeps a descriptor open. Projects in an IDE's folder have about 10.
MOST_DEPTH = 32
# What an archive may have on disk: a clone of the course has less than half.
MOST_ARCHIVE = 64 * MIB
# What may be unpacked of one archive. bzip2 needs some 5 s for that.
MOST_UNPACKED = 64 * MIB
# Long names and extended headers of tar; Linux has no path beyond 4 KiB.
MOST_HEADER = 64 * KIB
# Streams one after the other in one file, as pbzip2 makes them of each 900 KiB.
MOST_STREAMS = 1000
# `xz -9` needs 65 MiB to unpack.
MOST_XZ_MEMORY = 80 * MIB
# The address space: Python, an archive in an archive, and what it unpacks to.
MOST_MEMORY = 512 * MIB
# What is said of one learner.
MOST_WORDS = 1 * MIB
# Names that are shown are cut to this.
MOST_SHOWN = 120

HERE = b"my"

ENDINGS = {
    ".zip": "zip",
    ".tar": "tar",
    ".tar.gz": "gz",
    ".tgz": "gz",
    ".tar.xz": "xz",
    ".txz": "xz",
    ".tar.bz2": "bz2",
    ".tbz2": "bz2",
}

# What systems and tools leave in folders; no learner is called like that.
_JUNK = frozenset(
    b".DS_Store .Spotlight-V100 .TemporaryItems .Trashes .fseventsd .git .hg"
    b" .svn @eaDir Thumbs.db __MACOSX desktop.ini node_modules".split()
)
_PIECE = 64 * KIB


class Refused(Exception):
    """Nothing of this learner's can be taken; says why."""


class Unfit(Exception):
    """One file cannot be taken; says why."""


def archive_kind(name: str) -> str:
    """Returns what kind of archive has such a name; "" if none has."""
    return _ending(name)[1]


def without_ending(name: str) -> str:
    """Returns the name of an archive without what says that it is one."""
    ending = _ending(name)[0]
    return name[: len(name) - len(ending)] or name


def _ending(name: str) -> tuple[str, str]:
    low = name.lower()
    fitting = [ending for ending in ENDINGS if low.endswith(ending)]
    if not fitting:
        return "", ""
    longest = max(fitting, key=len)
    return longest, ENDINGS[longest]


def is_junk(name: bytes) -> bool:
    """Whether an entry is there by no decision of a person."""
    return name in _JUNK or name.startswith(b"._")


def text_of(name: bytes) -> str:
    """Returns a name as model.Submission has it."""
    return name.decode("utf-8", "surrogateescape")


def _cut(parts: Sequence[bytes]) -> str:
    text = text_of(b"/".join(parts))
    if len(text) > MOST_SHOWN:
        text = "..." + text[-MOST_SHOWN:]
    return text


class Budget:
    """How many bytes may still be handled."""

    def __init__(self, most: int = MOST_UNPACKED) -> None:
        self._most = self.left = most

    def take(self, count: int) -> None:
        """Spends some of them.

        Raises:
          Refused: there are not as many left.
        """
        self.left -= count
        if self.left < 0:
            raise Refused(
                f"more than {self._most // MIB} MiB of it would have to be read"
            )


class _Best:
    """The best of what fits an exercise so far."""

    def __init__(self, rank: tuple[int, int], parts: Sequence[bytes]) -> None:
        self.rank = rank
        self.parts = list(parts)
        self.data: bytes | None = None
        self.problem = ""


class Search:
    """Looks for the files of exercises among all files of a learner.

    A file is looked at by the parts of its path. What counts is where it lies:
    below my/ before elsewhere, then the fewest folders.
    """

    def __init__(self, titles: Sequence[str]) -> None:
        self._wanted: dict[tuple[bytes, bytes], str] = {}
        for title in titles:
            shelf, _, name = title.encode().partition(b"/")
            self._wanted[shelf, name + b".cc"] = title
        self._best: dict[str, _Best] = {}
        self._strange: dict[str, int] = {}
        # Why there may be more than was seen.
        self.unseen = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found, not even something unfit."""
        return not self._best

    def offer(
        self,
        parts: Sequence[bytes],
        read: Callable[[], bytes],
        problem: str = "",
        is_last: bool = False,
    ) -> None:
        """Takes a file if it is the best for an exercise so far.

        problem: why it could not be taken even then.
        is_last: whether that is only said if there is nothing better.
        """
        title = self._wanted.get((b"".join(parts[-2:-1]), parts[-1]))
        if title is None:
            return
        place = 0 if HERE in parts[:-2] else 1
        rank = (2 if is_last else place, len(parts))
        best = self._best.get(title)
        if best is not None and best.rank <= rank:
            if best.rank == rank and not is_last:
                self._refuse_both(best, parts)
            return
        best = self._best[title] = _Best(rank, parts)
        best.problem = problem and f"'{_cut(parts)}' {problem}"
        if problem:
            return
        try:
            best.data = read()
        except Unfit as unfit:
            best.problem = f"'{_cut(parts)}' {unfit}"

    def _refuse_both(self, best: _Best, parts: Sequence[bytes]) -> None:
        best.data = None
        if best.parts == list(parts):
            best.problem = f"'{_cut(parts)}' is there twice"
        else:
            best.problem = (
                "it cannot be told which of these is meant:"
                f" '{_cut(best.parts)}' or '{_cut(parts)}'"
            )

    def offer_link(self, parts: Sequence[bytes]) -> None:
        """Looks at a symbolic link, which may stand for a file or a folder."""
        self.strange("symbolic link, not followed")
        said = "is a symbolic link, which is not followed"
        self.offer(parts, _nothing, said)
        for shelf, name in self._wanted:
            if parts[-1] in (HERE, shelf):
                # As if the file were there, to be found by its path.
                title = self._wanted[shelf, name]
                if title not in self._best:
                    best = self._best[title] = _Best((2, len(parts)), parts)
                    best.problem = f"the folder '{_cut(parts)}' {said}"

    def strange(self, what: str) -> None:
        """Counts what was not looked at."""
        self._strange[what] = self._strange.get(what, 0) + 1

    def answer(
        self, titles: Sequence[str]
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Returns what was found, and the bytes of the files."""
        found: list[tuple[str, str, int]] = []
        sources: list[bytes] = []
        left = MOST_SOURCES
        for title in titles:
            best = self._best.get(title)
            if best is None:
                if self.unseen:
                    found.append((title, self.unseen, -1))
            elif best.data is None:
                found.append((title, best.problem, -1))
            elif len(best.data) > left:
                most = MOST_SOURCES // MIB
                why = f"all files together have more than {most} MiB"
                found.append((title, why, -1))
            else:
                left -= len(best.data)
                found.append((title, "", len(best.data)))
                sources.append(best.data)
        notes = [f"{count} x {what}" for what, count in self._strange.items()]
        return {"found": found, "notes": notes[:10]}, sources


def _nothing() -> bytes:
    return b""


# Folders.


def walk(search: Search, fd: int) -> list[bytes]:
    """Looks at a folder and all below it; returns the archives right in it.

    Each step opens one name in a folder that is open: who exchanges a folder
    for a link meanwhile is not followed.
    """
    return _Walk(search).look(fd, [])


class _Walk:
    def __init__(self, search: Search) -> None:
        self._search = search
        self._left = MOST_ENTRIES
        self._budget = Budget()

    def _names(self, fd: int) -> list[bytes]:
        names = []
        with os.scandir(fd) as entries:
            for entry in entries:
                self._left -= 1
                if self._left < 0:
                    raise Refused(
                        f"it has more than {MOST_ENTRIES:,} files and folders"
                    )
                names.append(os.fsencode(entry.name))
        # The order on disk is another one on each disk.
        return sorted(names)

    def look(self, fd: int, above: list[bytes]) -> list[bytes]:
        """Looks at one folder."""
        archives = []
        for name in self._names(fd):
            if is_junk(name):
                continue
            parts = [*above, name]
            try:
                mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
                if stat.S_ISLNK(mode):
                    self._search.offer_link(parts)
                elif stat.S_ISDIR(mode):
                    self._enter(fd, parts)
                elif stat.S_ISREG(mode):
                    self._offer(fd, parts)
                    if not above and archive_kind(text_of(name)):
                        archives.append(name)
                else:
                    self._search.strange("device, socket or FIFO")
                    self._search.offer(parts, _nothing, "is not a plain file")
            except OSError as error:
                self._search.strange(f"entry that fails: {error.strerror}")
                self._search.unseen = (
                    f"'{_cut(parts)}' cannot be read: {error.strerror}"
                )
                self._search.offer(
                    parts, _nothing, f"cannot be read: {error.strerror}"
                )
        return archives

    def _offer(self, fd: int, parts: list[bytes]) -> None:
        def read() -> bytes:
            data = read_file(fd, parts[-1])
            self._budget.take(len(data))
            return data

        self._search.offer(parts, read)

    def _enter(self, fd: int, parts: list[bytes]) -> None:
        self._search.offer(parts, _nothing, "is a folder, not a file")
        if len(parts) > MOST_DEPTH:
            self._search.strange("folder that lies too deep")
            self._search.unseen = (
                f"no more than {MOST_DEPTH} folders in each other are looked at"
            )
            return
        below = os.open(parts[-1], _FOLDER, dir_fd=fd)
        try:
            self.look(below, parts)
        finally:
            os.close(below)


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A FIFO that has come in between neither blocks nor becomes our terminal.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def open_plain(folder: int, name: bytes) -> int:
    """Opens a plain file that has no other name.

    Raises:
      Unfit: it is something else; says what.
    """
    try:
        fd = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        raise Unfit(f"cannot be read: {error.strerror}") from None
    state = os.fstat(fd)
    if not stat.S_ISREG(state.st_mode):
        os.close(fd)
        raise Unfit("is not a plain file")
    if state.st_nlink > 1:
        os.close(fd)
        raise Unfit(
            "has a second name (a hard link), and may be somebody else's"
        )
    return fd


def read_file(folder: int, name: bytes) -> bytes:
    """Returns what a file in a folder holds.

    Raises:
      Unfit: it cannot be taken.
    """
    fd = open_plain(folder, name)
    with os.fdopen(fd, "rb", buffering=0) as file:
        before = os.fstat(fd)
        _check_size(before.st_size)
        data = b""
        while piece := file.read(MOST_SOURCE + 1 - len(data)):
            data += piece
            _check_size(len(data))
        after = os.fstat(fd)
    if len(data) != before.st_size or before.st_mtime_ns != after.st_mtime_ns:
        raise Unfit("was changed while it was read")
    return data


def _check_size(size: int) -> None:
    if size > MOST_SOURCE:
        raise Unfit(f"is larger than {MOST_SOURCE // KIB} KiB")


# Names in archives.


def parts_of(name: bytes) -> tuple[list[bytes], str]:
    """Returns the parts of a path in an archive, and why it is not taken."""
    fault = ""
    if b"\\" in name:
        fault = "has a backslash in its name"
        name = name.replace(b"\\", b"/")
    if b"\0" in name:
        fault = "has a NUL in its name"
    if name.startswith(b"/"):
        fault = "has an absolute name"
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        fault = "has '..' in its name"
    return parts, fault


PLAIN, FOLDER, LINK, OTHER = "plain", "folder", "link", "other"


def offer_member(
    search: Search,
    parts: Sequence[bytes],
    fault: str,
    kind: str,
    read: Callable[[], bytes],
) -> None:
    """Looks at a member of an archive."""
    if not parts or any(is_junk(part) for part in parts):
        return
    if fault:
        search.strange(f"member that {fault}")
        search.offer(parts, _nothing, fault, is_last=True)
    elif kind == LINK:
        search.offer_link(parts)
    elif kind == FOLDER:
        search.offer(parts, _nothing, "is a folder, not a file")
    elif kind == OTHER:
        search.strange("member that is not a plain file")
        search.offer(parts, _nothing, "is not a plain file")
    else:
        search.offer(parts, read)


# Zip; the names of the fields are those of PKWARE's APPNOTE.

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_SIZES_FOLLOW = 0x0008
_UTF8 = 0x0800
_STORED, _DEFLATED = 0, 8
_ZIP64 = 0xFFFFFFFF
_TOO_LARGE = "it is a zip64 archive, which only 4 GiB or 65,535 members need"
_DAMAGED = "the archive is damaged or cut short"


class Member:
    """One entry of a zip archive's directory."""

    def __init__(self, fields: tuple[Any, ...], name: bytes) -> None:
        self.name = name
        self.flags: int = fields[3]
        self.method: int = fields[4]
        self.crc: int = fields[7]
        self.packed: int = fields[8]
        self.size: int = fields[9]
        self.offset: int = fields[16]
        # Where the next member begins.
        self.limit = 0
        self.parts, self.fault = parts_of(name)
        form = stat.S_IFMT(fields[15] >> 16)
        if stat.S_ISLNK(form):
            self.kind = LINK
        elif name.endswith(b"/") or stat.S_ISDIR(form):
            self.kind = FOLDER
        else:
            self.kind = PLAIN if form in (0, stat.S_IFREG) else OTHER

    def shown_top(self) -> str:
        """Returns the first part of its path as text."""
        top = self.parts[0]
        try:
            return top.decode("utf-8")
        except UnicodeDecodeError:
            if self.flags & _UTF8:
                return text_of(top)
            return top.decode("cp437")


class Zip:
    """A zip archive, of which members can be read one at a time."""

    def __init__(self, file: BinaryIO, size: int, most_entries: int) -> None:
        self._file = file
        self.members = list(self._directory(size, most_entries))
        self._check_overlap()

    def _read(self, place: int, count: int) -> bytes:
        self._file.seek(place)
        data = self._file.read(count)
        if len(data) != count:
            raise Refused(_DAMAGED)
        return data

    def _find_end(self, size: int) -> tuple[int, tuple[Any, ...]]:
        start = max(0, size - _END.size - 0xFFFF)
        tail = self._read(start, size - start)
        found = []
        place = tail.find(b"PK\5\6")
        while place >= 0:
            fields = tail[place : place + _END.size]
            if len(fields) == _END.size:
                end = _END.unpack(fields)
                if place + _END.size + end[7] == len(tail):
                    found.append((start + place, end))
            place = tail.find(b"PK\5\6", place + 1)
        if not found:
            raise Refused("it is not a zip archive, or is cut short")
        if len(found) > 1:
            raise Refused("the archive has two directories")
        return found[0]

    def _directory(self, size: int, most_entries: int) -> Iterator[Member]:
        place, end = self._find_end(size)
        _, disk, first_disk, here, count, length, self._start, _ = end
        if _ZIP64 in (length, self._start) or count == 0xFFFF:
            raise Refused(_TOO_LARGE)
        if disk or first_disk or here != count:
            raise Refused("it is a part of several archives")
        if self._start + length != place or length > MOST_DIRECTORY:
            raise Refused(_DAMAGED)
        if count > most_entries:
            raise Refused(f"it has more than {most_entries:,} members")
        self._file.seek(self._start)
        for _ in range(count):
            length -= _CENTRAL.size
            if length < 0:
                raise Refused(_DAMAGED)
            fields = _CENTRAL.unpack(self._take(_CENTRAL.size))
            length -= sum(fields[10:13])
            if fields[0] != b"PK\1\2" or length < 0:
                raise Refused(_DAMAGED)
            name = self._take(fields[10])
            self._take(fields[11] + fields[12])
            yield Member(fields, name)
        if length:
            raise Refused(_DAMAGED)

    def _take(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) != count:
            raise Refused(_DAMAGED)
        return data

    def _check_overlap(self) -> None:
        """Refuses members that share bytes: a bomb, or two names of one."""
        limit = self._start
        for one in sorted(self.members, key=lambda m: m.offset, reverse=True):
            if _ZIP64 in (one.packed, one.size, one.offset):
                raise Refused(_TOO_LARGE)
            end = one.offset + _LOCAL.size + len(one.name) + one.packed
            if end > limit:
                raise Refused("members of the archive overlap")
            one.limit = limit
            limit = one.offset

    def reader(self, one: Member, budget: Budget) -> Callable[[], bytes]:
        """Returns what reads a member if it is the file of an exercise."""
        return lambda: self.read(one, MOST_SOURCE, budget)

    def read(self, one: Member, most: int, budget: Budget) -> bytes:
        """Returns what a member holds.

        Raises:
          Unfit: it cannot be taken.
        """
        if one.flags & _ENCRYPTED:
            raise Unfit("is encrypted")
        if one.size > most:
            raise Unfit(f"is larger than {most // KIB} KiB")
        if one.method not in (_STORED, _DEFLATED):
            raise Unfit(f"is packed by method {one.method}, not by deflate")
        budget.take(one.packed + one.size)
        local = _LOCAL.unpack(self._read(one.offset, _LOCAL.size))
        if local[0] != b"PK\3\4":
            raise Unfit("is damaged: it is not where the directory says")
        name = self._take(local[9])
        sizes = (local[6], local[7], local[8])
        is_same = (name, local[3]) == (one.name, one.method)
        if not local[2] & _SIZES_FOLLOW and _ZIP64 not in sizes[1:]:
            is_same = is_same and sizes == (one.crc, one.packed, one.size)
        if not is_same or local[2] & _ENCRYPTED:
            raise Unfit("has two headers that contradict each other")
        start = one.offset + _LOCAL.size + local[9] + local[10]
        if start + one.packed > one.limit:
            raise Unfit("is damaged: it reaches into the next")
        self._file.seek(start)
        if one.method == _STORED:
            data = self._take(one.packed)
        else:
            data = self._inflate(one)
        if len(data) != one.size or zlib.crc32(data) != one.crc:
            raise Unfit("is damaged: its size or checksum is wrong")
        return data

    def _inflate(self, one: Member) -> bytes:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        left, data = one.packed, []
        room = one.size + 1
        try:
            while left and room and not inflater.eof:
                piece = self._take(min(left, _PIECE))
                left -= len(piece)
                while piece and room:
                    data.append(inflater.decompress(piece, room))
                    room -= len(data[-1])
                    piece = inflater.unconsumed_tail
        except zlib.error:
            raise Unfit("is damaged") from None
        if not inflater.eof or left or inflater.unused_data:
            raise Unfit("is damaged: it does not end where it should")
        return b"".join(data)


# Tar, as POSIX's pax(1) and GNU tar describe it.

_BLOCK = 512
_EMPTY = bytes(_BLOCK)


class _Unpacker(Protocol):
    """What bz2 and lzma have."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether it can give nothing more of what it has got."""

    @property
    def unused_data(self) -> bytes:
        """What follows the stream."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Unpacks what it can of the data, and of those from before."""


class _Gzip:
    """Gives zlib the shape that bz2 and lzma have."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""
        return self._inflater.eof

    @property
    def needs_input(self) -> bool:
        """Whether it can give nothing more of what it has got."""
        return not self._inflater.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        """What follows the stream."""
        return self._inflater.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Unpacks what it can of the data, and of those from before."""
        return self._inflater.decompress(
            self._inflater.unconsumed_tail + data, max_length
        )


_UNPACKERS: dict[str, Callable[[], _Unpacker]] = {
    "gz": _Gzip,
    "bz2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(
        format=lzma.FORMAT_XZ, memlimit=MOST_XZ_MEMORY
    ),
}


class Stream:
    """Unpacks a file as far as it is read, and no further than the budget."""

    def __init__(self, file: BinaryIO, kind: str, budget: Budget) -> None:
        self._file = file
        self._make = _UNPACKERS.get(kind)
        self._unpacker = self._make() if self._make else None
        self._streams = 1
        self._budget = budget
        self._rest = b""
        self._ended = False

    def read(self, count: int) -> bytes:
        """Returns that many bytes, fewer only at the end."""
        data = []
        while count and (piece := self._some(min(count, _PIECE))):
            count -= len(piece)
            data.append(piece)
        return b"".join(data)

    def take(self, count: int) -> bytes:
        """Returns that many bytes.

        Raises:
          Refused: there are fewer.
        """
        data = self.read(count)
        if len(data) != count:
            raise Refused(_DAMAGED)
        return data

    def skip(self, count: int) -> None:
        """Leaves that many bytes out."""
        # Not later, after as many bytes as it takes.
        if count > self._budget.left:
            self._budget.take(count)
        while count:
            count -= len(self.take(min(count, _PIECE)))

    def finish(self) -> None:
        """Reads to the end, because the checksum stands there."""
        while self.read(_PIECE):
            pass

    def _some(self, most: int) -> bytes:
        if self._unpacker is None:
            data = self._file.read(most)
            self._budget.take(len(data))
            return data
        data = b""
        while not data and not self._ended:
            data = self._unpack(most)
        self._budget.take(len(data))
        return data

    def _unpack(self, most: int) -> bytes:
        assert self._unpacker is not None and self._make is not None
        piece = b""
        if self._unpacker.eof:
            piece = self._rest or self._file.read(_PIECE)
            self._ended = not piece
            self._rest = b""
            # gzip(1) and xz(1) allow zeros between streams, and at the end.
            piece = piece.lstrip(b"\0")
            if not piece:
                return b""
            self._unpacker = self._make()
            self._streams += 1
            if self._streams > MOST_STREAMS:
                raise Refused(f"it has more than {MOST_STREAMS} streams")
        elif self._unpacker.needs_input:
            piece = self._file.read(_PIECE)
            if not piece:
                raise Refused(_DAMAGED)
        try:
            data = self._unpacker.decompress(piece, most)
        except lzma.LZMAError as error:
            if "limit" in str(error).lower():
                most_mib = MOST_XZ_MEMORY // MIB
                raise Refused(
                    f"xz needs more than {most_mib} MiB of memory to unpack it"
                ) from None
            raise Refused(_DAMAGED) from None
        except (zlib.error, OSError, ValueError, EOFError):
            raise Refused(_DAMAGED) from None
        if self._unpacker.eof:
            self._rest = self._unpacker.unused_data
        return data


def _number(field: bytes) -> int:
    """Returns a number of a header; GNU tar has large ones to base 256."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    try:
        number = int(digits or b"0", 8)
    except ValueError:
        raise Refused(_DAMAGED) from None
    if number < 0:
        raise Refused(_DAMAGED)
    return number


def _records(data: bytes) -> dict[bytes, bytes]:
    """Returns the records of an extended header: b"length key=value\n"."""
    found = {}
    place = 0
    while place < len(data):
        digits, space, _ = data[place : place + 20].partition(b" ")
        if not space or not digits.isdigit():
            raise Refused(_DAMAGED)
        end = place + int(digits)
        record = data[place + len(digits) + 1 : end]
        key, equals, value = record.partition(b"=")
        if end > len(data) or not equals or not value.endswith(b"\n"):
            raise Refused(_DAMAGED)
        found[key] = value[:-1]
        place = end
    return found


_KINDS = {
    b"0": PLAIN,
    b"\0": PLAIN,
    b"7": PLAIN,
    b"2": LINK,
    b"5": FOLDER,
    b"1": OTHER,
    b"3": OTHER,
    b"4": OTHER,
    b"6": OTHER,
}


def look_into_tar(search: Search, stream: Stream) -> None:
    """Looks at all members of a tar archive."""
    long_name = b""
    records: dict[bytes, bytes] = {}
    for _ in range(MOST_ENTRIES):
        block = stream.take(_BLOCK)
        if block == _EMPTY:
            stream.finish()
            return
        form, size = _checked(block)
        if form in (b"x", b"g", b"L", b"K"):
            data = _long(stream, size)
            if form == b"L":
                long_name = data.split(b"\0")[0]
            elif form != b"K":
                found = _records(data)
                if any(key.startswith(b"GNU.sparse.") for key in found):
                    raise Refused("it has a sparse member")
                if form == b"x":
                    records = found
                elif {b"path", b"size"} & found.keys():
                    raise Refused("it gives all members one name or size")
            continue
        if form == b"S":
            raise Refused("it has a sparse member")
        name = records.get(b"path") or long_name or _name(block)
        if b"size" in records:
            if not records[b"size"].isdigit() or len(records[b"size"]) > 20:
                raise Refused(_DAMAGED)
            size = int(records[b"size"])
        long_name, records = b"", {}
        kind = _KINDS.get(form, OTHER)
        if kind == PLAIN and name.endswith(b"/"):
            kind = FOLDER
        if form in (b"1", b"2", b"3", b"4", b"5", b"6"):
            size = 0
        _look_at(search, stream, name, kind, size)
    raise Refused(f"it has more than {MOST_ENTRIES:,} members")


def _checked(block: bytes) -> tuple[bytes, int]:
    """Returns the type and the size of a member."""
    plain = block[:148] + b" " * 8 + block[156:]
    # Old programs added the bytes up as signed ones.
    signed = sum(plain) - 256 * sum(byte > 127 for byte in plain)
    written = block[148:156].strip(b" \0")
    if written.lstrip(b"0") not in (b"%o" % sum(plain), b"%o" % max(signed, 0)):
        raise Refused("it is not a tar archive, or is damaged")
    return block[156:157], _number(block[124:136])


def _name(block: bytes) -> bytes:
    name = block[:100].split(b"\0")[0]
    prefix = block[345:500].split(b"\0")[0]
    if block[257:263] == b"ustar\0" and prefix:
        return prefix + b"/" + name
    return name


def _long(stream: Stream, size: int) -> bytes:
    if size > MOST_HEADER:
        raise Refused(f"it has a header of more than {MOST_HEADER // KIB} KiB")
    data = stream.take(size)
    stream.skip(-size % _BLOCK)
    return data


def _look_at(
    search: Search, stream: Stream, name: bytes, kind: str, size: int
) -> None:
    """Offers a member, whose bytes come next, and goes to the one after it."""
    left = size

    def read() -> bytes:
        nonlocal left
        _check_size(size)
        left = 0
        return stream.take(size)

    offer_member(search, *parts_of(name), kind, read)
    stream.skip(left)
    stream.skip(-size % _BLOCK)


# What is asked.


def look_into(search: Search, kind: str, file: BinaryIO, size: int) -> None:
    """Looks at all members of a learner's archive."""
    if size > MOST_ARCHIVE:
        raise Refused(f"the archive has more than {MOST_ARCHIVE // MIB} MiB")
    budget = Budget()
    if kind != "zip":
        look_into_tar(search, Stream(file, kind, budget))
        return
    archive = Zip(file, size, MOST_ENTRIES)
    for one in archive.members:
        offer_member(
            search,
            one.parts,
            one.fault,
            one.kind,
            archive.reader(one, budget),
        )


def _look_into_one(search: Search, names: Sequence[bytes]) -> bytes | None:
    """Returns the one archive that a folder has in place of files."""
    if not names or not search.is_empty:
        return None
    if len(names) > 1:
        search.unseen = (
            f"there are {len(names)} archives: it cannot be told which is meant"
        )
        return None
    return names[0]


def read_folder(search: Search, fd: int) -> None:
    """Reads a learner's folder."""
    name = _look_into_one(search, walk(search, fd))
    if name is None:
        return
    try:
        inner = open_plain(fd, name)
    except Unfit as unfit:
        raise Refused(f"'{_cut([name])}' {unfit}") from None
    with os.fdopen(inner, "rb") as file:
        kind = archive_kind(text_of(name))
        look_into(search, kind, file, os.fstat(inner).st_size)


def read_of_class(search: Search, fd: int, top: bytes, kind: str) -> None:
    """Reads what a class's zip archive has of one learner.

    top: the learner's folder or archive in it.
    kind: of that archive; "" for a folder.
    """
    with os.fdopen(fd, "rb", closefd=False) as file:
        archive = Zip(file, os.fstat(fd).st_size, MOST_CLASS_ENTRIES)
        budget = Budget()
        own = [one for one in archive.members if one.parts[:1] == [top]]
        if len(own) > MOST_ENTRIES:
            raise Refused(f"it has more than {MOST_ENTRIES:,} members")
        inner = [one for one in own if kind and len(one.parts) == 1]
        if not kind:
            for one in own:
                offer_member(
                    search,
                    one.parts[1:],
                    one.fault,
                    one.kind,
                    archive.reader(one, budget),
                )
            inner = [
                one
                for one in own
                if len(one.parts) == 2
                and archive_kind(text_of(one.parts[1]))
                and not is_junk(one.parts[1])
            ]
            if not _look_into_one(search, [one.name for one in inner]):
                return
        if len(inner) > 1:
            raise Refused("the archive is there twice")
        for one in inner:
            if one.kind != PLAIN or one.fault:
                raise Refused("the archive is not a plain file")
            try:
                data = archive.read(one, MOST_ARCHIVE, budget)
            except Unfit as unfit:
                raise Refused(f"'{_cut(one.parts)}' {unfit}") from None
            kind = archive_kind(text_of(one.parts[-1]))
            look_into(search, kind, io.BytesIO(data), len(data))


def survey(fd: int) -> list[tuple[str, str, str]]:
    """Returns what is at the top of a zip archive.

    Returns: (the bytes of its name, in hex; the name; kind of a member)
    """
    found: dict[bytes, tuple[str, str, str]] = {}
    with os.fdopen(fd, "rb", closefd=False) as file:
        archive = Zip(file, os.fstat(fd).st_size, MOST_CLASS_ENTRIES)
    for one in archive.members:
        if one.fault or not one.parts or is_junk(one.parts[0]):
            continue
        top = one.parts[0]
        kind = one.kind if len(one.parts) == 1 else FOLDER
        found[top] = (top.hex(), one.shown_top(), kind)
    if sum(len(str(one)) for one in found.values()) > MOST_WORDS // 2:
        raise Refused("it has too many folders at its top")
    return [found[top] for top in sorted(found)]


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(what, (most, most))


def _answer(question: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    fd, kind = question["fd"], question["kind"]
    titles = question["titles"]
    search = Search(titles)
    try:
        if kind == "survey":
            return {"top": survey(fd)}, []
        if "top" in question:
            read_of_class(search, fd, bytes.fromhex(question["top"]), kind)
        elif kind == FOLDER:
            read_folder(search, fd)
        else:
            with os.fdopen(fd, "rb", closefd=False) as file:
                look_into(search, kind, file, os.fstat(fd).st_size)
    except Refused as refused:
        return {"refused": str(refused)}, []
    except OSError as error:
        return {"refused": f"it cannot be read: {error.strerror}"}, []
    except MemoryError:
        most = MOST_MEMORY // MIB
        return {"refused": f"reading it needs more than {most} MiB"}, []
    return search.answer(titles)


def main() -> None:
    """Reads a question, and answers it."""
    question = json.loads(sys.stdin.buffer.read())
    _limit(resource.RLIMIT_AS, MOST_MEMORY)
    _limit(resource.RLIMIT_CPU, question["cpu_s"])
    _limit(resource.RLIMIT_FSIZE, MOST_SOURCES + MOST_WORDS)
    _limit(resource.RLIMIT_CORE, 0)
    words, sources = _answer(question)
    text = json.dumps(words).encode()
    sys.stdout.buffer.write(struct.pack(">L", len(text)) + text)
    for source in sources:
        sys.stdout.buffer.write(source)


if __name__ == "__main__":
    main()

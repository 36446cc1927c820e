"""The tests of collecting: attacks are built here, and each is refused."""

import bz2
import gzip
import io
import json
import lzma
import os
import pathlib
import random
import socket
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import unittest
import zipfile
import zlib
from collections.abc import Callable
from typing import BinaryIO, cast
from unittest import mock

from grader import submissions, unpack
from grader.model import Submission
from harness import results

RECEIVE, SEND = "pipes/receive", "pipes/send"
TITLES = (RECEIVE, SEND)
FILE = "my/pipes/receive.cc"
MIB = 1 << 20
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
}


def zipped(
    *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """Returns a zip archive of these."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def info(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tarfile.TarInfo:
    """Returns a member of a tar archive, without data."""
    made = tarfile.TarInfo(name)
    made.type = kind
    made.linkname = link
    return made


def tarred(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    """Returns a tar archive of these."""
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w", format=tarfile.PAX_FORMAT
    ) as archive:
        for one in members:
            if isinstance(one, tarfile.TarInfo):
                archive.addfile(one)
                continue
            plain = info(one[0])
            plain.size = len(one[1])
            archive.addfile(plain, io.BytesIO(one[1]))
    return out.getvalue()


def block(name: bytes, size: int, kind: bytes = b"0") -> bytes:
    """Returns a header of a tar archive, of any declared size."""
    made = bytearray(512)
    made[: len(name)] = name
    made[100:108] = b"0000644\0"
    if size < 8**11:
        made[124:136] = b"%011o\0" % size
    else:
        made[124:136] = b"\x80" + size.to_bytes(11, "big")
    made[156:157] = kind
    made[257:265] = b"ustar\x0000"
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made)


class CollectTest(unittest.TestCase):
    """A class in a folder of its own."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name)
        self.place = self.top / "class"
        self.place.mkdir()

    def put(self, path: str, data: bytes = b"int main() {}\n") -> pathlib.Path:
        """Writes a file of the class."""
        file = self.place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    def collect(self, *places: pathlib.Path) -> submissions.Collected:
        """Collects the class, or these places."""
        return submissions.collect(places or [self.place], TITLES)

    def one(self, title: str = RECEIVE) -> Submission:
        """Collects the class; returns the only learner's file."""
        found = self.collect()
        self.assertEqual(len(found.learners), 1, found)
        for submission in found.submissions:
            if submission.exercise == title:
                return submission
        raise AssertionError(f"nothing for {title}: {found}")

    def of_archive(self, name: str, data: bytes) -> Submission:
        """Returns what is taken of an archive that is handed in."""
        self.put(name, data)
        return self.one()

    def assert_refused(self, submission: Submission, words: str) -> None:
        """Sees that a file was not taken, for this reason."""
        self.assertIsNone(submission.source)
        self.assertIn(words, submission.problem)
        self.assertTrue(submission.problem.isprintable())

    def assert_archive_refused(
        self, name: str, data: bytes, words: str
    ) -> None:
        """Sees that an archive is refused, and beside it nothing is lost."""
        self.put("honest/" + FILE, b"honest")
        self.put(name, data)
        found = self.collect()
        own = [s for s in found.submissions if s.learner != "honest"]
        self.assertEqual([s.exercise for s in own], list(TITLES))
        for submission in own:
            self.assert_refused(submission, words)
        honest = [s.source for s in found.submissions if s.learner == "honest"]
        self.assertEqual(honest, [b"honest"])

    def assert_file_refused(self, name: str, data: bytes, words: str) -> None:
        """Sees that a file in an archive is refused."""
        self.assert_refused(self.of_archive(name, data), words)


class HonestTest(CollectTest):
    """What learners hand in who mean no harm."""

    def test_folders_and_archives_are_learners(self) -> None:
        self.put("anna/" + FILE, b"a")
        self.put("bob.zip", zipped((FILE, b"b")))
        self.put("cid.tar", tarred((FILE, b"c")))
        self.put("dan.tar.gz", gzip.compress(tarred((FILE, b"d"))))
        self.put("eve.tgz", gzip.compress(tarred((FILE, b"e"))))
        self.put("fay.tar.xz", lzma.compress(tarred((FILE, b"f"))))
        self.put("gus.tar.bz2", bz2.compress(tarred((FILE, b"g"))))
        (self.place / "hal").mkdir()
        found = self.collect()
        names = ("anna", "bob", "cid", "dan", "eve", "fay", "gus", "hal")
        self.assertEqual(found.learners, names)
        self.assertEqual(found.notes, ())
        self.assertEqual(
            [(s.learner, s.exercise, s.source) for s in found.submissions],
            [(n, RECEIVE, n[0].encode()) for n in names if n != "hal"],
        )

    def test_the_file_below_my_with_the_fewest_folders_is_taken(self) -> None:
        self.put("anna/pipes/receive.cc", b"elsewhere")
        self.put("anna/my/old/pipes/receive.cc", b"old")
        self.put("anna/my/pipes/receive.1.cc", b"kept by reset")
        self.put("anna/my/Pipes/receive.cc", b"case")
        self.put("anna/" + FILE, b"this")
        self.assertEqual(self.one().source, b"this")
        self.assertEqual(len(self.collect().submissions), 1)

    def test_a_file_without_my_is_taken(self) -> None:
        self.put("anna/home/pipes/receive.cc", b"this")
        self.assertEqual(self.one().source, b"this")

    def test_of_two_files_that_may_be_meant_none_is_taken(self) -> None:
        self.put("anna/a/" + FILE, b"a")
        self.put("anna/b/" + FILE, b"b")
        self.put("anna/my/pipes/send.cc", b"s")
        self.assert_refused(self.one(), "which of these")
        self.assertEqual(self.one(SEND).source, b"s")

    def test_what_systems_leave_is_no_learner(self) -> None:
        for name in (".DS_Store", "__MACOSX/x", "._anna.zip", "Thumbs.db"):
            self.put(name)
        self.put("grades.csv")
        self.put("anna.zip", zipped(("__MACOSX/" + FILE, b"no"), (FILE, b"a")))
        self.assertEqual(self.one().source, b"a")
        notes = self.collect().notes
        self.assertEqual(len(notes), 1)
        self.assertIn("grades.csv", notes[0])

    def test_what_is_packed_differently_is_said(self) -> None:
        self.put("anna.rar")
        self.assert_refused(self.one(), "packed in none of these ways")

    def test_a_folder_with_one_archive_is_that_archive(self) -> None:
        self.put("anna/work.zip", zipped((FILE, b"a")))
        self.assertEqual(self.one().source, b"a")
        self.put("anna/more.zip", zipped((FILE, b"b")))
        self.assert_refused(self.one(), "2 archives")

    def test_two_entries_of_one_learner_are_both_handed_in(self) -> None:
        self.put("anna/" + FILE, b"a")
        self.put("anna.zip", zipped((FILE, b"b"), ("my/pipes/send.cc", b"s")))
        self.assert_refused(self.one(), "2 times: in anna and anna.zip")
        self.assertEqual(self.one(SEND).source, b"s")

    def test_a_place_that_is_no_class_is_said(self) -> None:
        file = self.put("notes.txt")
        for place in (self.place / "none", file):
            with self.assertRaises(submissions.NotAClass):
                self.collect(place)

    def test_a_learners_folder_in_place_of_a_class_is_said(self) -> None:
        self.put(FILE)
        self.assertIn("looks like the folder of one", self.collect().notes[0])

    def test_an_archive_with_several_streams_is_read(self) -> None:
        data = tarred((FILE, b"x" * 5000))
        for ending, pack in PACKERS.items():
            ending = ".tar." + ending
            self.put("anna" + ending, pack(data[:700]) + pack(data[700:]))
            self.assertEqual(self.one().source, b"x" * 5000)
            (self.place / ("anna" + ending)).unlink()

    def test_a_long_name_of_each_form_of_tar_is_read(self) -> None:
        name = "x" * 120 + "/" + "y" * 120 + "/" + FILE
        for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w", format=form) as archive:
                one = info(name)
                one.size = 1
                archive.addfile(one, io.BytesIO(b"a"))
            self.assertEqual(
                self.of_archive("a.tar", out.getvalue()).source, b"a"
            )

    def test_a_zip_that_was_written_to_a_pipe_is_read(self) -> None:
        class Pipe(io.RawIOBase):
            """Cannot seek, so sizes follow the data."""

            def __init__(self) -> None:
                super().__init__()
                self.data = b""

            def writable(self) -> bool:
                return True

            def write(self, data) -> int:  # type: ignore
                self.data += bytes(data)
                return len(data)

        pipe = Pipe()
        with zipfile.ZipFile(
            cast(BinaryIO, pipe), "w", zipfile.ZIP_DEFLATED
        ) as archive:
            archive.writestr(FILE, b"a" * 1000)
        self.assertEqual(
            self.of_archive("anna.zip", pipe.data).source, b"a" * 1000
        )


class ClassTest(CollectTest):
    """One archive on the command line: a learner's or a class's."""

    def archive(self, data: bytes, name: str = "export.zip") -> pathlib.Path:
        """Writes an archive beside the class."""
        file = self.top / name
        file.write_bytes(data)
        return file

    def test_folders_at_the_top_are_learners(self) -> None:
        file = self.archive(
            zipped(
                ("anna/" + FILE, b"a"), ("bob/" + FILE, b"b"), ("x.txt", b"")
            )
        )
        found = self.collect(file)
        self.assertEqual(found.learners, ("anna", "bob"))
        self.assertEqual([s.source for s in found.submissions], [b"a", b"b"])
        self.assertEqual(len(found.notes), 2)

    def test_archives_at_the_top_and_in_folders_are_learners(self) -> None:
        file = self.archive(
            zipped(
                ("anna.tar.gz", gzip.compress(tarred((FILE, b"a")))),
                ("bob_1_file/w.zip", zipped((FILE, b"b"))),
                ("cid.zip", b"damaged"),
            )
        )
        found = self.collect(file)
        self.assertEqual(found.learners, ("anna", "bob_1_file", "cid"))
        self.assertEqual(
            [s.source for s in found.submissions][:2], [b"a", b"b"]
        )
        self.assertIn("not a zip", found.submissions[2].problem)

    def test_my_or_a_shelf_at_the_top_is_one_learner(self) -> None:
        for prefix in ("my/", "", "ipc_labs/my/"):
            members = [(prefix + "pipes/receive.cc", b"a")]
            if not prefix.startswith("ipc"):
                members += [("bob/" + FILE, b"forged")]
                members += [("cid.zip", zipped((FILE, b"forged")))]
            found = self.collect(self.archive(zipped(*members), "anna.zip"))
            self.assertEqual(found.learners, ("anna",))

    def test_beside_other_places_an_archive_speaks_for_one_learner(
        self,
    ) -> None:
        forged = [(f"{name}/{FILE}", b"forged") for name in ("anna", "bob")]
        first = self.archive(zipped(*forged), "mallory.zip")
        second = self.archive(zipped((FILE, b"own")), "anna.zip")
        found = self.collect(first, second)
        self.assertEqual(found.learners, ("mallory", "anna"))
        own = [s.source for s in found.submissions if s.learner == "anna"]
        self.assertEqual(own, [b"own"])

    def test_a_damaged_archive_is_one_learner_with_a_problem(self) -> None:
        found = self.collect(self.archive(b"PK\5\6", "anna.zip"))
        self.assertEqual(found.learners, ("anna",))
        self.assertEqual(len(found.submissions), len(TITLES))

    def test_names_in_two_encodings_that_look_alike_are_refused(self) -> None:
        # The first name is cp437, the second says that it is UTF-8.
        plain = zipped(("XXX/" + FILE, b"a"), ("é/" + FILE, b"b"), ("z/", b""))
        data = plain.replace(b"XXX/", b"\x82/./")
        found = self.collect(self.archive(data))
        self.assertEqual(found.learners, ("z", "é"))
        self.assertIn("2 times", found.submissions[0].problem)


class NameTest(CollectTest):
    """Names of learners that others are not to be taken for."""

    def test_names_that_look_alike_stay_apart(self) -> None:
        names = [b"anna", b"Anna", "\u00e9".encode(), "e\u0301".encode()]
        for name in names:
            folder = os.path.join(
                os.fsencode(self.place), name, b"my", b"pipes"
            )
            os.makedirs(folder)
            with open(os.path.join(folder, b"receive.cc"), "wb") as file:
                file.write(name)
        found = self.collect()
        self.assertEqual(len(found.learners), 4)
        for submission in found.submissions:
            self.assertEqual(submission.learner.encode(), submission.source)

    def test_any_character_may_be_in_a_name(self) -> None:
        names = [
            b"a\nb",
            b"\x1b[31mred",
            b"-rf",
            b".hidden",
            b"\xff\xfe",
            b"' \"",
        ]
        for name in names:
            folder = os.path.join(
                os.fsencode(self.place), name, b"my", b"pipes"
            )
            os.makedirs(folder)
            os.symlink(b"x", os.path.join(folder, b"\n\x1b]0;x\x07"))
            with open(os.path.join(folder, b"receive.cc"), "wb") as file:
                file.write(b"x")
        found = self.collect()
        self.assertEqual(
            sorted(
                n.encode("utf-8", "surrogateescape") for n in found.learners
            ),
            sorted(names),
        )
        self.assertEqual([s.source for s in found.submissions], [b"x"] * 6)
        self.assertTrue(found.notes)
        for note in found.notes:
            self.assertTrue(note.isprintable(), note)

    def test_notes_are_bounded(self) -> None:
        for number in range(200):
            self.put(f"{number}-" + "x" * 200)
        self.assertEqual(len(self.collect().notes), submissions.MOST_NOTES + 1)


class FolderTest(CollectTest):
    """Attacks by what lies in a folder."""

    def setUp(self) -> None:
        super().setUp()
        self.secret = self.top / "secret"
        (self.secret / "pipes").mkdir(parents=True)
        (self.secret / "pipes/receive.cc").write_bytes(b"secret")
        self.work = self.place / "mallory"
        (self.work / "my/pipes").mkdir(parents=True)
        self.file = self.work / FILE

    def test_a_link_for_the_file_is_not_followed(self) -> None:
        self.file.symlink_to(self.secret / "pipes/receive.cc")
        self.assert_refused(self.one(), "symbolic link")

    def test_a_link_to_another_learner_is_not_followed(self) -> None:
        self.put("anna/" + FILE, b"anna")
        self.file.symlink_to("../../../anna/" + FILE)
        for submission in self.collect().submissions:
            if submission.learner == "mallory":
                self.assert_refused(submission, "symbolic link")

    def test_links_for_folders_are_not_followed(self) -> None:
        (self.work / "my/pipes").rmdir()
        (self.work / "my/pipes").symlink_to(self.secret / "pipes")
        self.assert_refused(self.one(), "the folder 'my/pipes' is a symbolic")
        (self.work / "my/pipes").unlink()
        (self.work / "my").rmdir()
        (self.work / "my").symlink_to(self.secret)
        self.assert_refused(self.one(), "the folder 'my' is a symbolic link")

    def test_links_in_a_circle_end(self) -> None:
        (self.work / "my/my").symlink_to("..")
        self.file.symlink_to("receive.cc")
        self.assert_refused(self.one(), "symbolic link")

    def test_a_learner_who_is_a_link_is_not_followed(self) -> None:
        (self.secret / "my").symlink_to(".")
        self.file.write_bytes(b"own")
        (self.place / "nina").symlink_to(self.secret)
        (self.place / "olga.zip").symlink_to("mallory")
        (self.place / "pia").symlink_to("pia")
        found = self.collect()
        for submission in found.submissions:
            if submission.learner == "mallory":
                self.assertEqual(submission.source, b"own")
            else:
                self.assert_refused(submission, "symbolic link")
        self.assertEqual(found.learners, ("mallory", "nina", "olga", "pia"))

    def test_a_hard_link_is_refused(self) -> None:
        os.link(self.secret / "pipes/receive.cc", self.file)
        self.assert_refused(self.one(), "hard link")

    def test_an_archive_that_is_a_hard_link_is_refused(self) -> None:
        archive = self.top / "a.zip"
        archive.write_bytes(zipped((FILE, b"of somebody")))
        os.link(archive, self.work / "a.zip")
        self.assert_refused(self.one(), "hard link")
        (self.work / "a.zip").unlink()
        os.link(archive, self.place / "mallory.zip")
        self.assert_refused(self.one(), "hard link")

    def test_what_is_not_a_plain_file_is_refused(self) -> None:
        def socket_there() -> None:
            one = socket.socket(socket.AF_UNIX)
            self.addCleanup(one.close)
            folder = os.open(self.file.parent, os.O_RDONLY)
            one.bind(f"/proc/self/fd/{folder}/receive.cc")
            os.close(folder)

        makers: list[Callable[[], None]] = [
            lambda: os.mkfifo(self.file),
            socket_there,
        ]
        if os.geteuid() == 0:
            zero = os.makedev(1, 5)
            makers.append(
                lambda: os.mknod(self.file, stat.S_IFCHR | 0o666, zero)
            )
        for make in makers:
            try:
                make()
            except PermissionError:
                continue
            self.assert_refused(self.one(), "not a plain file")
            self.file.unlink()
        self.file.mkdir()
        self.assert_refused(self.one(), "is a folder")

    def test_a_learner_who_is_a_fifo_does_not_block(self) -> None:
        os.mkfifo(self.place / "nina.zip")
        os.mkfifo(self.place / "olga")
        found = self.collect()
        self.assertEqual(found.learners, ("mallory", "nina"))
        self.assert_refused(found.submissions[0], "not a plain file")
        self.assertIn("olga", found.notes[0])

    def test_opening_what_became_a_fifo_does_not_block(self) -> None:
        os.mkfifo(self.file)
        folder = os.open(self.file.parent, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        with self.assertRaisesRegex(unpack.Unfit, "not a plain file"):
            unpack.read_file(folder, b"receive.cc")

    def test_a_file_that_is_too_large_is_refused(self) -> None:
        for size in (unpack.MOST_SOURCE + 1, 2 << 30):
            with open(self.file, "wb") as file:
                file.truncate(size)
            self.assert_refused(self.one(), "larger than 64 KiB")
        with open(self.file, "wb") as file:
            file.truncate(unpack.MOST_SOURCE)
        self.assertEqual(len(self.one().source or b""), unpack.MOST_SOURCE)

    def test_all_files_of_a_learner_together_are_bounded(self) -> None:
        most = unpack.MOST_SOURCES // unpack.MOST_SOURCE
        titles = [f"pipes/x{number}" for number in range(most + 1)]
        for title in titles:
            with open(self.work / f"my/{title}.cc", "wb") as file:
                file.truncate(unpack.MOST_SOURCE)
        found = submissions.collect([self.place], titles).submissions
        self.assertEqual(sum(s.source is not None for s in found), most)
        self.assert_refused(found[most], "all files together")

    def test_a_deep_tree_ends(self) -> None:
        self.file.write_bytes(b"own")
        fd = os.open(self.work, os.O_RDONLY)
        for _ in range(300):
            os.mkdir("deeper", dir_fd=fd)
            below = os.open("deeper", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(fd)
        # In place of rmtree of Python 3.11, which recurses.
        self.addCleanup(
            lambda: subprocess.run(["rm", "-rf", self.work], check=True)
        )
        self.assertEqual(self.one().source, b"own")
        self.assert_refused(self.one(SEND), "32 folders in each other")

    def test_a_wide_tree_ends(self) -> None:
        self.file.write_bytes(b"own")
        for number in range(unpack.MOST_ENTRIES):
            os.mknod(self.work / f"{number}")
        self.assert_refused(self.one(), "more than 20,000 files")

    def test_a_folder_that_is_exchanged_meanwhile_leads_nowhere(self) -> None:
        """Between looking at a name and opening it, it becomes a link."""
        self.file.write_bytes(b"own")
        pipes = self.work / "my/pipes"
        opened = os.open

        def exchange(path, *rest, **named):  # type: ignore
            if path == b"pipes":
                pipes.rename(self.top / "gone")
                pipes.symlink_to(self.secret / "pipes")
            return opened(path, *rest, **named)

        search = unpack.Search(TITLES)
        fd = os.open(self.work, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        with mock.patch.object(os, "open", exchange):
            unpack.walk(search, fd)
        words, sources = search.answer(TITLES)
        self.assertEqual(sources, [])
        self.assertIn("cannot be read", words["found"][0][1])

    def test_a_file_that_is_exchanged_meanwhile_leads_nowhere(self) -> None:
        self.file.symlink_to(self.secret / "pipes/receive.cc")
        folder = os.open(self.file.parent, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        with self.assertRaisesRegex(unpack.Unfit, "cannot be read"):
            unpack.read_file(folder, b"receive.cc")

    def test_a_file_that_grows_meanwhile_is_not_taken(self) -> None:
        self.file.write_bytes(b"own")
        folder = os.open(self.file.parent, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        state = os.fstat

        def grow(fd: int) -> os.stat_result:
            found = state(fd)
            with open(self.file, "ab") as file:
                file.write(b"more")
            return found

        with mock.patch.object(os, "fstat", grow):
            with self.assertRaisesRegex(unpack.Unfit, "changed while"):
                unpack.read_file(folder, b"receive.cc")


class ZipTest(CollectTest):
    """Attacks by zip archives."""

    def test_names_that_lead_elsewhere_are_not_taken(self) -> None:
        for name, words in (
            ("/my/pipes/receive.cc", "absolute"),
            ("../bob/my/pipes/receive.cc", "'..'"),
            ("my/../pipes/receive.cc", "'..'"),
            ("my\\pipes\\receive.cc", "backslash"),
            ("..\\pipes\\receive.cc", "'..'"),
        ):
            self.assert_file_refused("m.zip", zipped((name, b"x")), words)

    def test_a_name_that_leads_elsewhere_costs_no_honest_file(self) -> None:
        data = zipped(("../" + FILE, b"x"), (FILE, b"own"))
        self.assertEqual(self.of_archive("m.zip", data).source, b"own")

    def test_odd_names_are_not_the_file(self) -> None:
        for name in (
            b"my/pipes/receive.cc?.t",
            b"my/pipes/receive.cc?",
            b"my/pipes?/receive.cc",
            b"my/pipes/RECEIVE.cc",
        ):
            for byte in (b"\0", b"\n", b"\xff"):
                data = zipped((name.decode(), b"x"))
                self.put("m.zip", data.replace(name, name.replace(b"?", byte)))
                self.assertEqual(self.collect().submissions, ())

    def test_a_name_that_is_there_twice_is_refused(self) -> None:
        with self.assertWarns(UserWarning):
            data = zipped((FILE, b"first"), (FILE, b"second"))
        self.assert_file_refused("m.zip", data, "there twice")
        data = zipped((FILE, b"first"), ("./my//pipes/receive.cc", b"second"))
        self.assert_file_refused("m.zip", data, "receive.cc")

    def test_headers_that_contradict_each_other_are_refused(self) -> None:
        data = zipped((FILE, b"x"))
        other = data.replace(b"receive", b"another", 1)
        self.assert_file_refused("m.zip", other, "contradict")
        # The method of the header beside the data.
        other = data[:8] + b"\0\0" + data[10:]
        self.assert_file_refused("m.zip", other, "contradict")
        # Its size.
        other = data[:22] + struct.pack("<L", 7) + data[26:]
        self.assert_file_refused("m.zip", other, "contradict")

    def test_links_and_devices_are_refused(self) -> None:
        for kind, words in (
            (stat.S_IFLNK, "symbolic link"),
            (stat.S_IFIFO, "not a plain file"),
            (stat.S_IFCHR, "not a plain file"),
            (stat.S_IFDIR, "is a folder"),
        ):
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as archive:
                one = zipfile.ZipInfo(FILE)
                one.external_attr = (kind | 0o777) << 16
                archive.writestr(one, "/etc/passwd")
            self.assert_file_refused("m.zip", out.getvalue(), words)

    def test_a_bomb_by_ratio_is_refused(self) -> None:
        data = zipped((FILE, bytes(4 * MIB)))
        self.assertLess(len(data), 8192)
        self.assert_file_refused("m.zip", data, "larger than 64 KiB")

    def test_a_bomb_that_hides_its_size_is_refused(self) -> None:
        data = zipped((FILE, bytes(4 * MIB)))
        data = data.replace(struct.pack("<L", 4 * MIB), struct.pack("<L", 9))
        self.assert_file_refused("m.zip", data, "damaged")

    def test_archives_in_archives_are_not_opened(self) -> None:
        data = zipped((FILE, b"x"))
        for _ in range(30):
            data = zipped(("my/a.zip", data), ("my/b.zip", data[:99]))
        self.put("m.zip", data)
        self.assertEqual(self.collect().submissions, ())
        self.put("m.zip", zipped(("a.zip", zipped((FILE, b"x")))))
        self.assertEqual(self.collect().submissions, ())

    def overlapping(self, count: int, size: int) -> bytes:
        """Returns an archive whose members are all the same bytes."""
        data = zipped((FILE, bytes(size)))
        start = data.index(b"PK\1\2")
        end = data.index(b"PK\5\6")
        one = data[start:end]
        tail = struct.pack(
            "<4s4H2LH",
            b"PK\5\6",
            0,
            0,
            count,
            count,
            count * len(one),
            start,
            0,
        )
        return data[:start] + one * count + tail

    def test_members_that_overlap_are_refused(self) -> None:
        self.assertEqual(
            self.of_archive("m.zip", self.overlapping(1, 100)).source,
            bytes(100),
        )
        self.assert_archive_refused(
            "m.zip", self.overlapping(1000, 100), "overlap"
        )

    def test_a_member_in_another_is_refused(self) -> None:
        inner = zipped((FILE, b"inner"), method=zipfile.ZIP_STORED)
        data = zipped(("my/x", inner), method=zipfile.ZIP_STORED)
        start = data.index(b"PK\1\2", len(inner) + 34)
        end = data.rindex(b"PK\5\6")
        central = inner[inner.index(b"PK\1\2") : inner.index(b"PK\5\6")]
        place = struct.pack("<L", 30 + len("my/x"))
        central = central[:42] + place + central[46:]
        size = end - start + len(central)
        tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, size, start, 0)
        self.assert_archive_refused(
            "m.zip", data[:end] + central + tail, "overlap"
        )

    def test_a_directory_of_very_many_members_is_refused(self) -> None:
        self.assert_archive_refused(
            "m.zip", self.overlapping(20_001, 1), "more than 20,000 members"
        )

    def test_a_directory_that_hides_its_length_is_refused(self) -> None:
        data = self.overlapping(20_001, 1)
        tail = struct.pack("<4s4H", b"PK\5\6", 0, 0, 1, 1)
        self.assert_archive_refused(
            "m.zip", data[:-22] + tail + data[-10:], "damaged"
        )

    def test_zip64_and_two_directories_are_refused(self) -> None:
        data = zipped((FILE, b"x"))
        end = data[-22:]
        count = end[:8] + b"\xff\xff\xff\xff" + end[12:]
        self.assert_archive_refused("m.zip", data[:-22] + count, "zip64")
        # A comment that is a directory, too.
        two = end[:20] + struct.pack("<H", 22) + end
        self.assert_archive_refused(
            "m.zip", data[:-22] + two, "two directories"
        )

    def test_an_encrypted_member_is_refused(self) -> None:
        data = bytearray(zipped((FILE, b"x")))
        data[6] |= 1
        data[data.index(b"PK\1\2") + 8] |= 1
        self.assert_file_refused("m.zip", bytes(data), "encrypted")

    def test_other_methods_are_refused(self) -> None:
        for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            data = zipped((FILE, bytes(1000)), method=method)
            self.assert_file_refused("m.zip", data, "not by deflate")

    def test_a_wrong_checksum_is_refused(self) -> None:
        data = zipped((FILE, b"honest"), method=zipfile.ZIP_STORED)
        self.assert_file_refused(
            "m.zip", data.replace(b"honest", b"forged"), "damaged"
        )

    def test_an_archive_cut_anywhere_is_refused(self) -> None:
        data = zipped((FILE, b"x" * 100), ("my/pipes/send.cc", b"y"))
        self.assert_archive_refused("m.zip", b"", "not a zip archive")
        for size in range(0, len(data), 7):
            with self.assertRaises(unpack.Refused):
                unpack.look_into(
                    unpack.Search(TITLES), "zip", io.BytesIO(data[:size]), size
                )

    def test_an_archive_of_2_gib_is_not_read(self) -> None:
        for name in ("m.zip", "n.tar", "o.tar.gz"):
            with open(self.place / name, "wb") as file:
                file.truncate(2 << 30)
        for submission in self.collect().submissions:
            self.assert_refused(submission, "more than 64 MiB")


class TarTest(CollectTest):
    """Attacks by tar archives."""

    def test_names_that_lead_elsewhere_are_not_taken(self) -> None:
        for name, words in (
            ("/" + FILE, "absolute"),
            ("../bob/" + FILE, "'..'"),
            ("my\\pipes\\receive.cc", "backslash"),
        ):
            self.assert_file_refused("m.tar", tarred((name, b"x")), words)

    def test_links_and_devices_are_refused(self) -> None:
        for kind, words in (
            (tarfile.SYMTYPE, "symbolic link"),
            (tarfile.LNKTYPE, "not a plain file"),
            (tarfile.CHRTYPE, "not a plain file"),
            (tarfile.BLKTYPE, "not a plain file"),
            (tarfile.FIFOTYPE, "not a plain file"),
            (tarfile.DIRTYPE, "is a folder"),
            (b"Z", "not a plain file"),
        ):
            data = tarred(info(FILE, kind, "../../anna/" + FILE))
            self.assert_file_refused("m.tar", data, words)

    def test_a_link_in_place_of_a_folder_is_not_followed(self) -> None:
        data = tarred(info("my", tarfile.SYMTYPE, "/etc"))
        self.assert_file_refused("m.tar", data, "the folder 'my' is a symbolic")

    def test_a_file_and_a_link_of_one_name_are_refused(self) -> None:
        link = info(FILE, tarfile.SYMTYPE, "/etc/passwd")
        for data in (
            tarred((FILE, b"x"), link),
            tarred(link, (FILE, b"x")),
        ):
            self.assert_file_refused("m.tar", data, "there twice")

    def test_a_name_that_is_there_twice_is_refused(self) -> None:
        data = tarred((FILE, b"first"), (FILE, b"second"))
        self.assert_file_refused("m.tar", data, "there twice")

    def test_a_nul_in_an_extended_name_is_not_cut_off(self) -> None:
        record = b"30 path=my/pipes/receive.cc\0x\n"
        data = block(b"x", len(record), b"x") + record.ljust(512, b"\0")
        data += block(b"y", 0) + bytes(1024)
        self.put("m.tar", data)
        self.assertEqual(self.collect().submissions, ())
        self.assertIn("NUL", self.collect().notes[0])

    def test_a_sparse_member_is_refused(self) -> None:
        data = block(FILE.encode(), 0, b"S") + bytes(1024)
        self.assert_archive_refused("m.tar", data, "sparse")
        record = b"22 GNU.sparse.major=1\n"
        data = block(b"x", len(record), b"x") + record.ljust(512, b"\0")
        data += block(FILE.encode(), 0) + bytes(1024)
        self.assert_archive_refused("m.tar", data, "sparse")

    def test_a_giant_declared_size_is_refused(self) -> None:
        for name in (FILE, "my/other"):
            for size in (1 << 33, 1 << 62, 1 << 80):
                data = block(name.encode(), size) + bytes(1024)
                packed = gzip.compress(data)
                words = "more than 64 MiB"
                if name == FILE:
                    self.put("m.tar.gz", packed)
                    self.assertIsNone(self.one().source)
                else:
                    self.assert_archive_refused("m.tar.gz", packed, words)

    def test_a_giant_header_is_refused(self) -> None:
        for kind in (b"x", b"g", b"L", b"K"):
            for size in (1 << 20, 1 << 40):
                self.assert_archive_refused(
                    "m.tar", block(b"x", size, kind) + bytes(2048), "64 KiB"
                )

    def test_headers_without_end_are_refused(self) -> None:
        record = b"12 a=123456\n"
        one = block(b"x", len(record), b"x") + record.ljust(512, b"\0")
        data = gzip.compress(one * 30_000, 1)
        self.assert_archive_refused("m.tar.gz", data, "more than 20,000")

    def test_a_header_for_all_members_names_none(self) -> None:
        record = b"28 path=my/pipes/receive.cc\n"
        data = block(b"x", len(record), b"g") + record.ljust(512, b"\0")
        self.assert_archive_refused(
            "m.tar", data + block(b"y", 0) + bytes(1024), "all members"
        )

    def test_streams_without_end_are_refused(self) -> None:
        size = 80 * MIB
        packer = bz2.BZ2Compressor(1)
        header = block(b"my/x", 60 * MIB)
        packed = packer.compress(header)
        piece = bytes(MIB)
        for _ in range(size // MIB):
            packed += packer.compress(piece)
        packed += packer.flush()
        self.assert_archive_refused("m.tar.bz2", packed, "more than 64 MiB")
        self.assertLess(len(packed), MIB)
        data = header + bytes(size)
        for ending, packed in (
            ("gz", gzip.compress(data, 1)),
            ("xz", lzma.compress(data, preset=0)),
        ):
            self.assert_archive_refused(
                f"m.tar.{ending}", packed, "more than 64 MiB"
            )

    def test_empty_streams_without_end_are_refused(self) -> None:
        for ending, pack in PACKERS.items():
            name = f"m.tar.{ending}"
            self.assert_archive_refused(name, pack(b"") * 5000, "1000 streams")
            (self.place / name).unlink()

    def test_xz_that_needs_much_memory_is_refused(self) -> None:
        filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 4096, "preset": 0}]
        packed = bytearray(lzma.compress(b"x" * 5000, filters=filters))
        # The size of the dictionary, 4 GiB - 1, and the header's checksum.
        header = 12
        size = (packed[header] + 1) * 4
        place = packed.index(b"\x21\x01", header) + 2
        packed[place] = 40
        packed[header + size - 4 : header + size] = struct.pack(
            "<L", zlib.crc32(packed[header : header + size - 4])
        )
        self.assert_archive_refused("m.tar.xz", bytes(packed), "of memory")

    def test_a_damaged_archive_is_refused(self) -> None:
        data = tarred((FILE, b"x" * 5000))
        for bad, words in (
            (data[:700], "cut short"),
            (data[:6000], "cut short"),
            (b"", "cut short"),
            (b"x" * 2000, "not a tar archive"),
            (data[:100] + b"77" + data[102:], "not a tar archive"),
        ):
            self.assert_archive_refused("m.tar", bad, words)
        packed = gzip.compress(data)
        for bad in (packed[:-9], packed[:40], packed[:-8] + b"12345678", b"no"):
            self.assert_archive_refused("n.tar.gz", bad, "damaged")

    def assert_archive_refused(
        self, name: str, data: bytes, words: str
    ) -> None:
        """Beside nothing else than the honest one."""
        for file in self.place.glob("*.tar*"):
            file.unlink()
        super().assert_archive_refused(name, data, words)


class ReaderTest(CollectTest):
    """The process that reads, should it fall to an attack."""

    def reader(self, program: str) -> None:
        """Replaces it by this one."""
        file = self.top / "reader.py"
        file.write_text(program, "utf-8")
        replaced = mock.patch.object(submissions, "_READER", file)
        replaced.start()
        self.addCleanup(replaced.stop)
        self.put("anna/" + FILE)

    def test_a_reader_that_dies_costs_one_learner(self) -> None:
        self.reader("import os; os.abort()")
        self.assert_refused(self.one(), "has failed")

    def test_a_reader_that_never_ends_is_killed(self) -> None:
        self.reader("import signal\nwhile True: signal.pause()")
        with mock.patch.object(submissions, "MOST_S", 0.5):
            self.assert_refused(self.one(), "seconds")

    def test_a_reader_may_use_so_much_of_the_processor(self) -> None:
        self.reader(
            "import resource\n"
            "resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\n"
            "while True: pass"
        )
        self.assert_refused(self.one(), "too long")

    def test_a_reader_limits_itself_first(self) -> None:
        self.reader(
            "import resource, sys\n"
            f"sys.path.insert(0, {os.path.dirname(unpack.__file__)!r})\n"
            "import unpack\n"
            "def answer(question):\n"
            "    limits = [resource.getrlimit(what)[1] for what in (\n"
            "        resource.RLIMIT_AS, resource.RLIMIT_CPU,\n"
            "        resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)]\n"
            "    return {'refused': ' '.join(map(str, limits))}, []\n"
            "unpack._answer = answer\n"
            "unpack.main()\n"
        )
        limits = [int(word) for word in self.one().problem.split()]
        self.assertEqual(len(limits), 4)
        most = (unpack.MOST_MEMORY, 3600, 5 * MIB, 0)
        for limit, largest in zip(limits, most):
            self.assertTrue(0 <= limit <= largest, limits)

    def test_an_answer_that_lies_is_not_believed(self) -> None:
        for words, data in (
            ({"found": [[RECEIVE, "", 5]], "notes": []}, b"1234"),
            ({"found": [[RECEIVE, "", 3]], "notes": []}, b"1234"),
            ({"found": [["pipes/x", "", 4]], "notes": []}, b"1234"),
            ({"found": [[RECEIVE, "", 0]] * 2, "notes": []}, b""),
            ({"found": 5, "notes": []}, b""),
            ({"found": []}, b""),
            ([], b""),
        ):
            text = json.dumps(words).encode()
            answer = struct.pack(">L", len(text)) + text + data
            self.reader(f"import os; os.write(1, {answer!r})")
            self.assert_refused(self.one(), "has failed")
        for answer in (b"", b"\0", b"\xff\xff\xff\xff{", b"\0\0\0\1{"):
            self.reader(f"import os; os.write(1, {answer!r})")
            self.assert_refused(self.one(), "has failed")

    def test_its_words_are_made_printable_and_cut(self) -> None:
        text = json.dumps(
            {"found": [[RECEIVE, "\x1b\n" + "x" * 9999, -1]], "notes": ["\n"]}
        ).encode()
        answer = struct.pack(">L", len(text)) + text
        self.reader(f"import os; os.write(1, {answer!r})")
        problem = self.one().problem
        self.assertTrue(problem.isprintable())
        self.assertLessEqual(len(problem), submissions.MOST_LINE)


_MEASURE = """
import json, pathlib, re, resource, sys
limit = 1 << 30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from grader import submissions
found = submissions.collect([pathlib.Path(sys.argv[1])], json.loads(sys.argv[2]))
status = pathlib.Path("/proc/self/status").read_text()
print(json.dumps({
    "sources": {s.learner: s.source.decode() for s in found.submissions
                if s.source is not None},
    # Not ru_maxrss: it remembers the process that started this one.
    "own": int(re.search(r"VmHWM:\\s*(\\d+)", status)[1]),
    "readers": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
}))
"""


class BoundsTest(CollectTest):
    """What a hostile class costs."""

    def test_a_hostile_class_is_read_in_bounded_memory(self) -> None:
        self.put("honest/" + FILE, b"honest")
        zeros = block(b"my/x", 1 << 30) + bytes(90 * MIB)
        self.put("a.tar.gz", gzip.compress(zeros, 1))
        self.put("b.tar.xz", lzma.compress(zeros, preset=0))
        self.put("c.zip", zipped((FILE, bytes(90 * MIB))))
        record = b"%d a=" % (60 * MIB) + bytes(60 * MIB - 12) + b"\n"
        self.put(
            "d.tar.gz",
            gzip.compress(block(b"x", len(record), b"x") + record, 1),
        )
        del zeros, record
        with open(self.place / "e.tar", "wb") as file:
            file.write(block(b"my/x", 1 << 33))
            file.truncate(60 * MIB)
        with open(self.place / "f.zip", "wb") as file:
            file.truncate(2 << 30)
        # A member that is an archive of all that a learner may have.
        inner = zipped(("my/x", bytes(60 * MIB)), method=zipfile.ZIP_STORED)
        self.put("g/work.zip", zipped(("work.zip", inner)))
        env = dict(os.environ)
        env["PYTHONPATH"] = os.pathsep.join(path or "." for path in sys.path)
        done = subprocess.run(
            [sys.executable, "-c", _MEASURE, self.place, json.dumps(TITLES)],
            env=env,
            stdout=subprocess.PIPE,
            check=True,
        )
        measured = json.loads(done.stdout)
        self.assertEqual(measured["sources"], {"honest": "honest"})
        self.assertLess(measured["own"], 100 * 1024)
        self.assertLess(measured["readers"], 250 * 1024)

    def test_an_archive_in_a_class_is_read_in_bounded_memory(self) -> None:
        inner = zipped(("my/x", bytes(70 * MIB)), method=zipfile.ZIP_STORED)
        file = self.top / "class.zip"
        file.write_bytes(zipped(("m.zip", inner), ("n/" + FILE, b"n")))
        found = self.collect(file)
        self.assertEqual(found.learners, ("m", "n"))
        self.assertIn("larger than", found.submissions[0].problem)
        self.assertEqual(found.submissions[-1].source, b"n")

    def test_nothing_is_left(self) -> None:
        before = set(os.listdir("/proc/self/fd"))
        threads = threading.active_count()
        self.put("anna.zip", b"damaged")
        self.put("bob/" + FILE)
        self.collect()
        self.assertEqual(set(os.listdir("/proc/self/fd")), before)
        self.assertEqual(threading.active_count(), threads)


def damaged(chance: random.Random, data: bytes) -> bytes:
    """Returns an archive with some bytes changed, left out or repeated."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(made))
        what = chance.randrange(4)
        if what == 0:
            made[place] ^= 1 << chance.randrange(8)
        elif what == 1:
            made[place] = chance.choice((0, 0x7F, 0x80, 0xFF, 0x2F))
        elif what == 2:
            del made[place : place + chance.randint(1, 9)]
        else:
            end = place + chance.randint(1, 99)
            made[place:place] = made[place:end]
        if not made:
            break
    return bytes(made)


class FuzzTest(CollectTest):
    """Archives that are damaged by chance, from a seed."""

    def archives(self) -> list[tuple[str, bytes]]:
        """Returns honest archives."""
        members = [(FILE, b"int main() {}\n" * 20), ("my/a.txt", b"a" * 700)]
        long = ("x" * 150 + "/" + "é/" + FILE, b"x")
        tar = tarred(*members, long, info("l", tarfile.SYMTYPE, "x"))
        return [
            (".zip", zipped(*members, long)),
            (".zip", zipped(*members, method=zipfile.ZIP_STORED)),
            (".tar", tar),
            (".tar.gz", gzip.compress(tar)),
            (".tar.xz", lzma.compress(tar)),
            (".tar.bz2", bz2.compress(tar)),
        ]

    def test_parsing_never_fails_in_another_way(self) -> None:
        chance = random.Random(20240607)
        for number in range(3000):
            ending, data = chance.choice(self.archives_once)
            bad = damaged(chance, data)
            search = unpack.Search(TITLES)
            with self.subTest(number=number, ending=ending):
                try:
                    unpack.look_into(
                        search,
                        unpack.ENDINGS[ending],
                        io.BytesIO(bad),
                        len(bad),
                    )
                except unpack.Refused:
                    pass
                _, sources = search.answer(TITLES)
                self.assertLessEqual(len(sources), len(TITLES))

    def test_collecting_never_raises(self) -> None:
        chance = random.Random(7)
        for number in range(40):
            ending, data = chance.choice(self.archives_once)
            self.put(f"{number}{ending}", damaged(chance, data))
        found = self.collect()
        self.assertEqual(len(found.learners), 40)
        for submission in found.submissions:
            self.assertNotIn("has failed", submission.problem)

    def test_a_damaged_class_never_raises(self) -> None:
        chance = random.Random(8)
        inner = self.archives_once
        data = zipped(
            *(
                (f"l{n}{ending}", data)
                for n, (ending, data) in enumerate(inner)
            ),
            ("anna/" + FILE, b"x"),
        )
        file = self.top / "class.zip"
        for _ in range(8):
            file.write_bytes(damaged(chance, data))
            self.assertTrue(self.collect(file).learners)

    def setUp(self) -> None:
        super().setUp()
        self.archives_once = self.archives()


if __name__ == "__main__":
    results.main()

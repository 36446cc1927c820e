"""Control groups limit all of a cell together, and leave nothing."""

import dataclasses
import os
import pathlib
import subprocess
import tempfile
import unittest
from unittest import mock

from grader import cell, groups
from harness import results
from harness.run import time_scale

_TREES, _WHY_NOT = groups.find()
_MIB = 1 << 20


@unittest.skipIf(_WHY_NOT, _WHY_NOT)
class GroupsTest(unittest.TestCase):
    """Cells in a group of their own."""

    def shell(
        self, text: str, memory_bytes: int = 256 * _MIB, processes: int = 50
    ) -> cell.Answer:
        """Runs lines of a shell in a group."""
        with groups.group(_TREES, memory_bytes, processes) as one:
            answer = cell.run(
                cell.Cell(
                    command=["/bin/bash", "-c", text],
                    env={"PATH": "/usr/bin:/bin"},
                    limit_s=60.0 * time_scale(),
                ),
                one.add,
            )
            return dataclasses.replace(
                answer, lacked_memory=one.was_short_of_memory
            )

    def left(self) -> list[pathlib.Path]:
        """Returns the groups of this process that are still there."""
        own = f"ipc-labs-{os.getpid()}-*"
        return [one for tree in _TREES for one in tree.folder.glob(own)]

    def test_what_is_small_is_not_touched(self) -> None:
        answer = self.shell("echo small; exit 3")
        self.assertEqual((answer.status, answer.said), (3, b"small\n"))
        self.assertFalse(answer.lacked_memory)
        self.assertEqual(self.left(), [])

    def test_memory_of_processes_is_limited(self) -> None:
        answer = self.shell("python3 -c 'bytearray(1 << 30)'; true")
        self.assertTrue(answer.lacked_memory)
        self.assertEqual(self.left(), [])

    def test_memory_of_files_is_limited(self) -> None:
        answer = self.shell("head -c 400M /dev/zero >/dev/shm/x; true")
        self.assertTrue(answer.lacked_memory)

    def test_processes_are_limited(self) -> None:
        answer = self.shell("for i in {1..99}; do sleep 100 & done; true")
        self.assertIn(b"Resource temporarily unavailable", answer.said)

    def test_what_is_left_in_it_is_ended(self) -> None:
        with groups.group(_TREES, 256 * _MIB, 50) as one:
            # pylint: disable-next=consider-using-with
            left = subprocess.Popen(["/bin/sleep", "1000"])
            one.add(left.pid)
            one.remove()
            self.assertEqual(left.wait(), -9)
        self.assertEqual(self.left(), [])

    def test_groups_of_killed_graders_are_removed(self) -> None:
        # No process has this number: it is the most that there can be.
        name = "ipc-labs-4194304-00"
        places = [tree.folder / name for tree in _TREES]
        for place in places:
            place.mkdir()
        groups.find()
        self.assertEqual([p for p in places if p.exists()], [])


class FindTest(unittest.TestCase):
    """What is found on machines that are not this one."""

    def found(
        self, mounts: str, own: str, controls: str = ""
    ) -> tuple[list[groups.Tree], str]:
        """Returns what `find` says of a machine with these files."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "tree").mkdir()
            (folder / "tree/cgroup.subtree_control").write_text(
                controls, encoding="ascii"
            )
            files = {"mounts": mounts, "own": own}
            for file, text in files.items():
                text = text.replace("TREE", str(folder / "tree"))
                (folder / file).write_text(text, encoding="utf-8")
            with (
                mock.patch.object(groups, "MOUNTS", folder / "mounts"),
                mock.patch.object(groups, "OWN", folder / "own"),
                mock.patch.object(groups, "group"),
            ):
                return groups.find()

    def test_version_2_is_found(self) -> None:
        trees, why_not = self.found(
            "30 23 0:26 / TREE rw - cgroup2 cgroup2 rw\n",
            "0::/user.slice\n",
            "cpu memory pids",
        )
        self.assertEqual(why_not, "")
        self.assertEqual(
            [(t.kinds, t.version) for t in trees], [(("memory", "pids"), 2)]
        )
        self.assertEqual(
            {"memory.max": "9", "memory.swap.max": "0", "pids.max": "7"},
            trees[0].files(9, 7),
        )

    def test_version_1_is_found(self) -> None:
        trees, why_not = self.found(
            "31 23 0:27 / TREE rw - cgroup cgroup rw,memory\n"
            "32 23 0:28 / TREE rw - cgroup cgroup rw,pids\n",
            "4:memory:/\n8:pids:/\n",
        )
        self.assertEqual(why_not, "")
        self.assertEqual(
            [tree.kinds for tree in trees], [("memory",), ("pids",)]
        )
        self.assertEqual(trees[0].files(9, 7), {"memory.limit_in_bytes": "9"})

    def test_what_cannot_be_limited_is_named(self) -> None:
        trees, why_not = self.found(
            "30 23 0:26 / TREE rw - cgroup2 cgroup2 rw\n", "0::/\n", "memory"
        )
        self.assertEqual(trees, [])
        self.assertEqual(
            why_not, "no control group limits pids (there is no such group)"
        )


if __name__ == "__main__":
    results.main()

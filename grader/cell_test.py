"""What is in a cell, what comes out of it, and what cannot get out of it."""

import contextlib
import os
import pathlib
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from unittest import mock

from grader import cell
from harness import results
from harness.run import time_scale

_USERS_FROM, _USER = 1_900_000_000, cell.SUBMITTER
_CANNOT = cell.run(cell.Cell(command=["/bin/true"], limit_s=60.0)).problem
_OTHERS = os.getuid() == 0 and not (
    cell.run(
        cell.Cell(command=["/bin/true"], users_from=_USERS_FROM, limit_s=60.0)
    ).problem
)


# Prints who makes a cell, who is process 1 in it, and what that runs.
_MAKER = """
import pathlib, threading
from grader import cell
running = cell.Running(cell.Cell(["/bin/sleep", "1000"], limit_s=600))
threading.Thread(target=running.answer).start()
pids = [running.pid]
while len(pids) < 3:
    file = pathlib.Path(f"/proc/{pids[-1]}/task/{pids[-1]}/children")
    pids += file.read_text().split()
print(*pids, flush=True)
"""


@unittest.skipIf(_CANNOT, f"no cell can be made here: {_CANNOT}")
class CellTest(unittest.TestCase):
    """Cells with a shell in them."""

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.folder.chmod(0o755)
        self.user = _USER if _OTHERS else 0

    def shell(self, text: str, **more: object) -> cell.Answer:
        """Runs lines of a shell in a cell."""
        fields = {
            "command": ["/bin/sh", "-c", text],
            "env": {"PATH": "/usr/bin:/bin"},
            "users_from": _USERS_FROM if _OTHERS else 0,
            "user": self.user,
            "limit_s": 30.0 * time_scale(),
            **more,
        }
        return cell.run(cell.Cell(**fields))  # type: ignore[arg-type]

    def test_the_answer_is_its_status_and_what_it_said(self) -> None:
        answer = self.shell("cat; echo wrong >&2; exit 3", asked="asked ")
        self.assertEqual(answer, cell.Answer(3, b"asked wrong\n"))

    def test_a_signal_is_a_negative_status(self) -> None:
        self.assertEqual(self.shell("kill -SEGV $$").status, -11)

    def test_a_command_that_is_not_there_has_a_status_and_a_reason(
        self,
    ) -> None:
        answer = self.shell("", command=["/no/such"])
        self.assertEqual(answer.status, 127)
        self.assertIn(b"No such file", answer.said)

    def test_what_is_shown_can_be_read_and_not_written(self) -> None:
        (self.folder / "text").write_text("shown", encoding="utf-8")
        answer = self.shell(
            "cd /here; cat text; echo x >text; echo x >new; rm text",
            shows=[(str(self.folder), "/here")],
        )
        self.assertIn(b"shown", answer.said)
        self.assertEqual(answer.said.count(b"Read-only file system"), 3)
        self.assertEqual(os.listdir(self.folder), ["text"])

    def test_nothing_else_is_there(self) -> None:
        answer = self.shell("ls /home /srv /var /work; cat /etc/shadow")
        self.assertEqual(answer.said.count(b"No such file"), 5)
        self.assertIn("root", self.shell("cat /etc/passwd").said.decode())

    def test_the_system_is_read_only(self) -> None:
        for place in ("/usr/x", "/etc/x", "/x", "/lib/x", "/dev/x"):
            said = self.shell(f"echo >{place}", user=0).said
            if place != "/dev/x":
                self.assertIn(b"Read-only", said, place)

    def test_a_secret_folder_is_for_root_alone(self) -> None:
        if not self.user:
            self.skipTest("only root can be others")
        (self.folder / "text").write_text("secret", encoding="utf-8")
        shows = [(str(self.folder), "/judge/here")]
        more = {"shows": shows, "secret": ["/judge"]}
        self.assertIn(
            b"Permission denied",
            self.shell("cat /judge/here/text", **more).said,
        )
        answer = self.shell("cat /judge/here/text", user=0, **more)
        self.assertEqual(answer.said, b"secret")

    def test_the_user_has_no_rights(self) -> None:
        if not self.user:
            self.skipTest("only root can be others")
        said = self.shell(
            "id -u; grep -E 'CapEff|NoNew' /proc/self/status"
        ).said
        self.assertEqual(
            said.decode().split(),
            [str(_USER), "CapEff:", "0" * 16, "NoNewPrivs:", "1"],
        )

    def test_its_root_is_not_that_of_the_machine(self) -> None:
        if not self.user:
            self.skipTest("only root can be others")
        said = self.shell(
            "id -u; echo core >/proc/sys/kernel/core_pattern;"
            " mknod /tmp/x c 1 1",
            user=0,
        ).said.decode()
        self.assertTrue(said.startswith("0\n"), said)
        self.assertIn("core_pattern: Permission denied", said)
        self.assertIn("Operation not permitted", said)

    def test_it_reaches_no_network_and_no_socket_of_the_machine(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            tries = (
                "import socket\n"
                f"for where in (('127.0.0.1', {port}), ('192.0.2.1', 80)):\n"
                "  try: socket.create_connection(where, 5); print('reached')\n"
                "  except OSError as error: print(error.errno)\n"
            )
            said = self.shell(f'python3 -c "{tries}"').said.decode()
            self.assertEqual(said.split(), ["111", "101"])
        name = f"\0ipc-labs-{os.getpid()}"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(name)
            server.listen()
            tries = (
                "import socket; s = socket.socket(socket.AF_UNIX);"
                f"print(s.connect_ex(chr(0) + '{name[1:]}'))"
            )
            said = self.shell(f'python3 -c "{tries}"').said.decode()
            self.assertEqual(said.strip(), "111")

    def test_it_sees_no_process_of_the_machine(self) -> None:
        said = self.shell("ls /proc | grep -c '^[0-9]'").said
        self.assertLessEqual(int(said), 5)
        self.assertIn(
            b"No such process", self.shell(f"kill -0 {os.getpid()}").said
        )

    def test_what_it_leaves_is_ended(self) -> None:
        # The answer comes when all that held this pipe has ended.
        answer = self.shell("setsid sleep 1000 & setsid sleep 1000 & exit 3")
        self.assertEqual((answer.status, answer.is_late), (3, False))

    def test_the_kernel_ends_what_has_let_go_of_its_output(self) -> None:
        """It does so when process 1 of the pid namespace ends.

        Without that namespace, no process would end what the cell has not
        found. Nor could the cell have a /proc of its own.
        """
        cell_does_not = ("os.kill(-1, signal.SIGKILL)", "pass")
        nobody_does = (" | 0x20000000", "")
        with self.altered(cell_does_not):
            self.assertEqual(self.left_behind(), [])
        with self.altered(cell_does_not, nobody_does):
            self.assertEqual(len(self.left_behind()), 1)
            self.assertIn("mount proc", self.shell("true").problem)

    def left_behind(self) -> list[int]:
        """Ends a process that a cell without a /proc has left; returns it."""
        mark = f"1000.{secrets.randbits(60)}"
        answer = self.shell(
            f"sleep {mark} </dev/null >/dev/null 2>&1 &", has_processes=False
        )
        self.assertEqual((answer.status, answer.problem), (0, ""))
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if mark.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return found

    @contextlib.contextmanager
    def altered(self, *edits: tuple[str, str]) -> Iterator[None]:
        """Has cells made by an edited copy of cell.py."""
        root = pathlib.Path(cell.__file__).parents[1]
        with tempfile.TemporaryDirectory() as scratch:
            for name in ("grader", "harness"):
                shutil.copytree(root / name, pathlib.Path(scratch) / name)
            file = pathlib.Path(scratch) / "grader" / "cell.py"
            text = file.read_text(encoding="utf-8")
            for old, new in edits:
                self.assertEqual(text.count(old), 1, old)
                text = text.replace(old, new)
            file.write_text(text, encoding="utf-8")
            with mock.patch.object(cell, "__file__", str(file)):
                yield

    def test_it_is_ended_when_its_time_is_over(self) -> None:
        answer = self.shell("sleep 1000", limit_s=0.5)
        self.assertTrue(answer.is_late)

    def test_it_is_ended_when_it_says_too_much(self) -> None:
        answer = self.shell("yes", said_bytes_max=1000)
        self.assertEqual(len(answer.said), 1000)
        self.assertEqual(answer.status, -9)

    def test_another_thread_can_end_it(self) -> None:
        running = cell.Running(
            cell.Cell(command=["/bin/sleep", "1000"], limit_s=600.0)
        )
        threading.Timer(0.1, running.end).start()
        start_s = time.monotonic()
        self.assertTrue(running.answer().problem)
        self.assertLess(time.monotonic() - start_s, 60.0 * time_scale())

    def test_it_ends_with_its_maker(self) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", _MAKER],
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(pathlib.Path(cell.__file__).parents[1])},
        ) as maker:
            assert maker.stdout
            ends = [
                os.pidfd_open(int(pid))
                for pid in maker.stdout.readline().split()
            ]
            self.assertEqual(len(ends), 3)
            maker.kill()
            maker.wait()
        for fd in ends:
            readable, _, _ = select.select([fd], (), (), 60.0 * time_scale())
            self.assertEqual(readable, [fd])
            os.close(fd)

    def test_its_file_is_part_of_the_answer_if_it_is_one(self) -> None:
        for made, wanted in (
            ("printf made >/tmp/out", b"made"),
            ("true", None),
            ("ln -s /etc/passwd /tmp/out", None),
            ("mkfifo /tmp/out", None),
            ("mkdir /tmp/out", None),
            ("printf 'it is too long' >/tmp/out", None),
        ):
            answer = self.shell(made, result="/tmp/out", result_bytes_max=8)
            self.assertEqual(
                (answer.problem, answer.result), ("", wanted), made
            )

    def test_its_files_are_bounded(self) -> None:
        said = self.shell(
            "for folder in /tmp /dev/shm; do"
            " head -c 600M /dev/zero >$folder/x; rm $folder/x; done"
        ).said
        self.assertEqual(said.count(b"No space left"), 2)

    def test_its_limits_hold(self) -> None:
        answer = self.shell(
            "while :; do :; done", limits={"CPU": 1}, limit_s=60 * time_scale()
        )
        self.assertEqual(answer.status, -9)

    def test_what_cannot_be_shown_is_a_problem(self) -> None:
        answer = self.shell("true", shows=[("/no/such/folder", "/here")])
        self.assertIn("No such file", answer.problem)


if __name__ == "__main__":
    results.main()

"""Proves what the chapter on containers promises."""

import pathlib
import re
import secrets
import shutil
import signal
import unittest
from collections.abc import Sequence

from harness import lab
from harness import run as harness_run

_NO_FILE = "does not meet: No such file or directory"
_NOBODY = "does not meet: Connection refused"
# What is said about each way to meet, in this order. The ways that need only
# the folder are tried in a container of a real runtime, too.
_IN_FOLDER = (
    ("a file in the folder", "meets"),
    ("a FIFO in it", "meets"),
    ("a Unix socket in it", "meets"),
    ("a descriptor passed over that", "meets"),
    ("flock on a file in it", "excludes"),
    ("/dev/shm, one for each", _NO_FILE),
)
_ELSEWHERE = (
    ("an abstract Unix socket", _NOBODY),
    ("TCP over 127.0.0.1", _NOBODY),
    ("a POSIX message queue", _NO_FILE),
    ("a System V message queue", _NO_FILE),
)
_WITH_ANCESTOR = (
    (
        "the number of process 1",
        "does not meet: number 1 is this process itself",
    ),
    ("a pthread mutex, recursive", "both have it"),
    ("the same, error-checking", "error: Resource deadlock avoided"),
    ("RLock, which has an owner", "refused: Operation not supported"),
    ("Semaphore, which has none", "excludes"),
)
_TABLE = [
    *_IN_FOLDER,
    ("/dev/shm, one for both", "meets"),
    *_ELSEWHERE,
    *_WITH_ANCESTOR,
]
# A lock that two processes hold excludes nothing. The lab shows only this one.
_NO_LOCKS = {"a pthread mutex, recursive"}
_LEFT_OUT = "^Main: Act 5 is left out: (.*)"
_NO_LIMIT = "^Main: No limit of memory here: (.*)"


def _rows(run: lab.Run, speaker: str) -> Sequence[tuple[str, str]]:
    """Returns the table that one speaker prints."""
    rows = (re.fullmatch(r"(.{30}) (\S.*)", t) for t in run.said(speaker))
    return [(row[1].rstrip(), row[2]) for row in rows if row]


def _groups_of(token: str) -> Sequence[str]:
    """Returns the control groups that a run has made, by its token."""
    folder = pathlib.Path("/sys/fs/cgroup")
    return [str(path) for path in folder.glob(f"**/ipc-labs-*{token}*")]


class ContainersTest(lab.LabTest):
    """Two containers, and which IPC works across their borders."""

    compared_numbers = {
        "{} are taken for a hang": lab.Source("main.cc", "kProbes = {};"),
        "the whole grace period, {} second.": lab.Source(
            "main.cc", "double grace_s = {};"
        ),
    }
    wrong = {
        "abstract_socket": lab.Caught(
            by="output", saying="Container B: failed: connect: Conn.* refused"
        ),
        "lock_by_pid": lab.Caught(
            by="output", saying="a lock with its owner's pid is held by two"
        ),
        "no_handler": lab.Caught(
            by="output", saying="Service: grace period over, exit status 137"
        ),
        "no_reaping": lab.Caught(by="output", saying="zombies left: 1"),
        "ready_too_early": lab.Caught(
            by="output", saying="BAD +Main: Work: no database"
        ),
    }

    def check(self, run: lab.Run) -> None:
        """Locks exclude, inits reap, and only what hangs is killed."""
        self.assert_never(run, ": failed: ")
        for speaker in ("Container B", "OCI app"):
            for way, result in _rows(run, speaker):
                if result == "both have it":
                    self.assertIn(way, _NO_LOCKS, f"{way} is held by two")
        self.assert_never(run, "zombies left: [1-9]")
        self.assert_never(run, "^Main: (?!Hung ).*grace period over")
        self.assert_never(run, "Work: no database")

    def test_which_ways_meet_and_which_do_not(self) -> None:
        """The table of act 1, line by line."""
        run = self.run_lab()
        self.assertEqual(list(_rows(run, "Container B")), _TABLE)
        for who in ("Container A", "Container B"):
            self.assert_count(run, f"{who}: I am process 1 of 1, and user 0", 1)

    def test_each_side_sees_the_end_of_the_other(self) -> None:
        """No shim between them has kept an end of their connection."""
        for who in ("Container A", "Container B"):
            run = self.run_lab(
                clean=False, env={"IPC_LABS_FAULT": f"{who}:exit=1@1"}
            )
            self.assertIsNone(run.hang, run.hang and run.hang.explain())
            self.assertEqual(run.status, 1)
            self.assertEqual(run.leaks, ())

    def test_process_1_ignores_sigterm_and_keeps_zombies(self) -> None:
        """An init does neither."""
        run = self.run_lab()
        has_no = "and have no handler for SIGTERM"
        self.assert_said(
            run,
            "App",
            [
                f"I am process 1, {has_no}",
                "I got an orphan, and do not reap it: zombies 1",
                f"I am process 2, {has_no}",
            ],
        )
        first = [line for line in run.said("Init") if "Program" not in line]
        self.assertEqual(
            first,
            [
                "Reaped an orphan",
                "Forwarding SIGTERM to App",
                "App has ended, zombies left: 0",
            ],
        )
        for line in (
            "SIGTERM to App. Is it there? yes",
            "SIGKILL to App: exit status 137 (128 + SIGKILL)",
            "SIGTERM to Init: exit status 143 (128 + SIGTERM)",
        ):
            self.assert_count(run, f"Main: {re.escape(line)}", 1)

    def test_a_full_dev_shm_is_an_error_or_a_sigbus(self) -> None:
        """It stays as large as it was made, whatever a program asks for."""
        run = self.run_lab("--shm=5")
        no_room = "No space left on device"
        self.assert_said(
            run,
            "Program",
            [
                f"posix_fallocate of 10 MB: {no_room}",
                f"ipc::SharedMemory of 10 MB: {no_room}",
                "ftruncate to 10 MB: done",
            ],
        )
        line = "Main: Program wrote 5 MB: exit status 135 (128 + SIGBUS)"
        self.assert_count(run, re.escape(line), 1)

    def test_work_is_sent_when_it_is_ready_and_not_before(self) -> None:
        """It is alive long before it is ready."""
        run = self.run_lab()
        lines = (
            "Alive? yes",
            "Ready? no",
            "Its database is there. Ready? yes",
            "Work: 42",
            "Service: exit status 0",
        )
        for before, after in zip(lines, lines[1:]):
            self.assert_before(
                run, f"Main: {re.escape(before)}", f"Main: {re.escape(after)}"
            )

    def test_what_hangs_is_killed_when_its_grace_period_is_over(self) -> None:
        """Not before, and not long after."""
        run = self.run_lab("--grace=1.5")
        silent = r"Main: Alive\? no answer to 3 probes"
        line = "Hung service: grace period over, exit status 137"
        self.assert_takes(
            run,
            silent,
            f"Main: {line} .*",
            1.5 * harness_run.time_scale(),
        )
        self.assert_before(run, "Hung service: Hanging", silent)

    def test_a_limit_of_memory_kills_and_counts(self) -> None:
        """By SIGKILL, as an administrator would; the group counts its own."""
        run = self.run_lab()
        for reason in self.captures(run, _NO_LIMIT):
            self.skipTest(reason)
        line = "Hog with 32 MB at most: exit status 137 (128 + SIGKILL)"
        self.assert_count(
            run, f"Main: {re.escape(line)}, killed for memory: 1", 1
        )

    def test_no_control_group_is_left(self) -> None:
        """Neither at the end, nor when a signal ends the lab before that."""
        token = secrets.token_hex(4)
        run = self.run_lab(env={"IPC_LABS_RUN": token})
        self.assertEqual(_groups_of(token), [])
        for reason in self.captures(run, _NO_LIMIT):
            self.skipTest(reason)
        for number in (signal.SIGINT, signal.SIGTERM):
            self.run_lab(
                interrupt_after="Main: Hung service",
                interrupt_signal=number,
                # Its group exists then, and stays while its shim is stopped.
                env={
                    "IPC_LABS_RUN": token,
                    "IPC_LABS_FAULT": "Shim of Hog:stop",
                },
            )
            self.assertEqual(_groups_of(token), [])

    def test_a_real_runtime_shows_the_same(self) -> None:
        """For all ways that need no common ancestor."""
        reasons = []
        for runtime in ("runc", "crun"):
            run = self.run_lab(f"--runtime={runtime}")
            left_out = self.captures(run, _LEFT_OUT)
            reasons += left_out
            if left_out:
                continue
            self.assertEqual(
                list(_rows(run, "OCI app")), [*_IN_FOLDER, *_ELSEWHERE]
            )
            self.assert_count(run, "OCI app: /dev/shm has 64 MB", 1)
            line = f"SIGTERM to {runtime}: exit status 143 (128 + SIGTERM)"
            self.assert_count(run, f"Main: {re.escape(line)}", 1)
        if len(reasons) == 2:
            self.skipTest("; ".join(reasons))

    def test_without_a_runtime_act_5_is_left_out(self) -> None:
        """With a line that says what to install; the rest is played."""
        hide = (
            "for folder in $(echo $PATH | tr : ' ')"
            " /usr/sbin /sbin /usr/bin; do"
            " for file in $folder/runc $folder/crun; do"
            " if [ -e $file ]; then mount --bind /dev/null $file; fi;"
            " done; done;"
        )
        for flag, wanted in (("", "runc or crun"), ("--runtime=crun", "crun")):
            run = self._run_in_own_mounts(f'{hide} exec "$0" --pace=0 {flag}')
            why = self.capture(run, _LEFT_OUT)
            self.assertEqual(why, f"to play it, install {wanted}")
            self.assert_never(run, "OCI")

    def test_an_unknown_runtime_gets_one_clear_line(self) -> None:
        """No act is played."""
        run = self.run_lab("--runtime=podman", clean=False)
        self.assertEqual((run.status, run.lines), (2, ()))
        self.assertIn("neither runc nor crun", run.stderr)
        self.assertEqual(len(run.stderr.splitlines()), 1)

    def test_a_runtime_ends_with_an_act_that_fails(self) -> None:
        """Its container is not left to the keeper."""
        if not shutil.which("runc") and not shutil.which("crun"):
            self.skipTest("neither runc nor crun is installed")
        run = self._run_in_own_mounts(
            "mount -t tmpfs -o size=4k none /dev/shm &&"
            " head -c 4096 /dev/zero >/dev/shm/filler &&"
            ' exec "$0" --pace=0'
        )
        if left_out := self.captures(run, _LEFT_OUT):
            self.skipTest(left_out[0])
        self.assertEqual((run.status, run.stderr), (1, ""))
        self.assert_count(run, "OCI app: flock on a file in it .*", 1)
        self.assert_count(run, "Main: FAIL write: No space left on device", 1)

    def _run_in_own_mounts(self, script: str) -> lab.Run:
        """Runs a script of sh(1) that may mount; $0 is the lab."""
        command = ("sh", "-c", script, self.program())
        return self._run(self.as_root(*command, options=["--mount"]))

    def test_it_is_skipped_where_namespaces_are_forbidden(self) -> None:
        """It says which call was refused."""
        forbid = "echo 0 >/proc/sys/user/max_user_namespaces"
        command = self.as_root(
            *("sh", "-c", f'{forbid} && exec "$0" --pace=0'), self.program()
        )
        with self.assertRaisesRegex(
            unittest.SkipTest,
            "^namespaces are not permitted here: unshare: No space left",
        ):
            self._run(command)


if __name__ == "__main__":
    lab.main()

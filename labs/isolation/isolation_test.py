"""Proves what the chapter on isolation promises."""

import ctypes
import os
import subprocess
import sys

from harness import lab

# Set by //harness:grade, which runs programs without a right.
_JUDGED = "IPC_LABS_JUDGED"
_OTHER_USER = 65533 if os.geteuid() == 65534 else 65534
_REFUSED = "I may not read in the child: Operation not permitted"


def _why_not_another_user() -> str:
    """Returns why no process here can become another user, or "".

    Root can, unless it is root of a user namespace that has no other user, or
    the program runs as a user who is not ours.
    """
    if _JUDGED in os.environ:
        return f"{_JUDGED} is set"
    tried = subprocess.run(
        [sys.executable, "-c", f"import os; os.setuid({_OTHER_USER})"],
        capture_output=True,
        check=False,
    )
    return "" if tried.returncode == 0 else "no way to become another user here"


def _may_read_memory() -> bool:
    """Whether process_vm_readv is allowed; of this process itself at least."""
    number, found = ctypes.c_int(7), ctypes.c_int(0)
    size = ctypes.sizeof(number)
    here = (ctypes.c_void_p * 2)(ctypes.addressof(found), size)
    there = (ctypes.c_void_p * 2)(ctypes.addressof(number), size)
    one = ctypes.c_ulong(1)
    read = ctypes.CDLL(None).process_vm_readv
    return bool(read(os.getpid(), here, one, there, one, 0) == size)


class IsolationTest(lab.LabTest):
    """What a parent sees of what its child does to memory."""

    raw = True
    wrong = {
        "ordinary_variable": lab.Caught(
            by="output", saying="Main: The shared number is 42"
        ),
        "private_page": lab.Caught(
            by="output", saying="Main: The shared number is 42"
        ),
        "ignores_status": lab.Caught(
            by="output", saying="Main: The child was killed by SIGSEGV"
        ),
        "raw_forgotten_exit": lab.Caught(
            by="output", saying="BAD +Main: My number is still 42"
        ),
        "readable_secret": lab.Caught(
            by="output", saying=f"there are 0 lines 'Main: {_REFUSED}'"
        ),
    }

    def check(self, run: lab.Run) -> None:
        """Shared writes are seen, and Main reports how a child really ended.

        What is not shared stays as it was; a closed process is not read. Only
        Main reaches the end.
        """
        self.assert_never(
            run,
            "Main: My number is still (?!7$)",
            "a number of Main that is not 7",
        )
        for number in self.captures(
            run, r"Child: I set the shared number to (\d+)"
        ):
            self.assert_count(run, f"Main: The shared number is {number}", 1)
        for _ in self.captures(run, "Child: I move .* boxes"):
            self.assert_count(run, "Main: The child was killed by SIGSEGV", 1)
        closed = self.captures(run, "Child: .*, for me alone")
        if closed and not _may_read_memory():
            self.skipTest("process_vm_readv is refused here")
        for _ in closed:
            self.assert_count(run, f"Main: {_REFUSED}", 1)
        ends = self.captures(run, "^Main: PASS$")
        self.assertLessEqual(len(ends), 1, "processes that came to the end")

    def test_the_four_acts_are_always_the_same(self) -> None:
        """Only one process is at work at any time."""
        run = self.run_lab("--number=5")
        self.assert_said(
            run,
            "Child",
            [
                "I see 7 and set it to 5",
                "My number is 5",
                "I set the shared number to 5",
                "I move 30 boxes from left to right",
                "My number is 5",
                "My number is 5, for me alone",
            ],
        )
        self.assert_said(
            run,
            "Main",
            [
                "Act 1: an ordinary variable",
                "My number is 7",
                "My number is still 7",
                "Act 2: a shared page",
                "The shared number is 5",
                "Act 3: a child that crashes",
                "The child was killed by SIGSEGV",
                "I go on; the shelves hold 70 and 0 boxes",
                "30 boxes are on no shelf",
                "Act 4: an ordinary variable, read from outside",
                "My number is 7; in the child I read 5",
                _REFUSED,
                "PASS",
            ],
        )

    def test_main_sees_what_the_child_did_after_joining_it(self) -> None:
        """Join orders the two."""
        run = self.run_lab()
        self.assert_before(
            run,
            "Child: I set the shared number to 42",
            "Main: The shared number is 42",
        )

    def test_only_the_childs_own_user_may_read_its_memory(self) -> None:
        """The same process, at the same time: refused to one, read by one."""
        if (reason := _why_not_another_user()) != "":
            self.skipTest(reason)
        run = self.run_lab(f"--other-user={_OTHER_USER}")
        self.assert_said(run, "Stranger", [_REFUSED])
        self.assert_count(
            run, "Main: My number is 7; in the child I read 42", 1
        )

    def test_without_permission_to_change_users_it_fails(self) -> None:
        """It is a failure, and one clear line names the call."""
        if _why_not_another_user() == "":
            self.skipTest("this is root, and there are other users")
        run = self.run_lab(f"--other-user={_OTHER_USER}", clean=False)
        self.assertEqual(run.status, 1)
        self.assert_said(run, "Stranger", ["failed: setresuid: .*"])
        self.assertEqual(run.lines[-1].raw, "Main: FAIL the stranger failed")


if __name__ == "__main__":
    lab.main()

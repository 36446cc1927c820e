"""Every kind of object that a lab can leave behind is found and named."""

import os
import pathlib
import secrets
import sys
import tempfile
import unittest
from concurrent import futures
from unittest import mock

from harness import results
from harness.run import Run, run

_LEAKY = pathlib.Path(__file__).absolute().parent / "testdata" / "leaky"


def leave(*mode: str) -> Run:
    """Runs the program that leaves one kind of object behind."""
    result = run([str(_LEAKY), *mode])
    assert result.status == 0, result.stderr
    return result


class LeakTest(unittest.TestCase):
    """Each name is a promise of the verdict."""

    @classmethod
    def setUpClass(cls) -> None:
        """Skips the tests unless the world is the run's own."""
        world = run(["/bin/true"]).world
        if world not in ("namespaces", "user namespaces"):
            raise unittest.SkipTest(f"the world is a {world}")

    def check(self, mode: str, kind: str, name: str, owner: str) -> None:
        """Fails unless the program leaves exactly this; `name` is a pattern."""
        leaks = leave(mode).leaks
        self.assertEqual([leak.kind for leak in leaks], [kind], leaks)
        self.assertRegex(leaks[0].name, f"^{name}$")
        self.assertEqual(leaks[0].owner, owner)

    def test_a_program_that_cleans_up_leaves_nothing(self) -> None:
        self.assertEqual(leave("clean").leaks, ())

    def test_a_process(self) -> None:
        self.check("process", "process", r"pid \d+ \(Worker\)", "Main")

    def test_a_process_that_ignores_sigterm(self) -> None:
        self.check("stubborn", "process", r"pid \d+ \(Worker\)", "Main")

    def test_a_daemon_that_has_forked_twice(self) -> None:
        leaks = leave("daemon").leaks
        self.assertEqual([leak.kind for leak in leaks], ["process"])
        self.assertRegex(leaks[0].name, r"pid \d+ \(Daemon\)")

    def test_a_zombie(self) -> None:
        self.check("zombie", "zombie", r"pid \d+ \(Worker\)", "Main")

    def test_shared_memory(self) -> None:
        self.check("shm", "shm", "/dev/shm/leaky-shm", "Main")

    def test_a_message_queue(self) -> None:
        self.check("mqueue", "mqueue", "/leaky-queue", "Main")

    def test_system_v_shared_memory(self) -> None:
        self.check("sysv_shm", "sysv shm", r"shm id \d+, key 0", "Main")

    def test_a_system_v_semaphore(self) -> None:
        self.check("sysv_sem", "sysv sem", r"sem id \d+, key 0", "Main")

    def test_a_system_v_message_queue(self) -> None:
        self.check("sysv_msg", "sysv msg", r"msg id \d+, key 0", "Main")

    def test_a_file(self) -> None:
        self.check("file", "file", "/tmp/leaky-file", "Main")

    def test_a_file_in_a_folder(self) -> None:
        self.check("folder", "file", "/tmp/leaky-folder/inside", "Main")

    def test_a_symbolic_link_to_nowhere(self) -> None:
        self.check("link", "file", "/tmp/leaky-link", "Main")

    def test_a_socket(self) -> None:
        self.check("socket", "socket", "/tmp/leaky-socket", "Main")

    def test_an_abstract_socket_and_the_process_that_has_it(self) -> None:
        leaks = leave("abstract").leaks
        self.assertEqual(
            [(leak.kind, leak.owner) for leak in leaks],
            [("process", "Main"), ("socket", "Worker")],
        )
        self.assertEqual(leaks[1].name, "@leaky-abstract (abstract)")

    def test_a_descriptor_that_a_program_inherits_by_oversight(self) -> None:
        self.check(
            "descriptor",
            "descriptor",
            r"descriptor \d+, the write end of pipe:\[\d+\], in pid \d+ \(sh\)",
            "Main",
        )

    def test_a_descriptor_that_is_named_in_the_arguments_is_meant(self) -> None:
        self.assertEqual(leave("descriptor_meant").leaks, ())

    def test_what_a_program_hands_to_its_children_is_not_a_leak(self) -> None:
        code = (
            "import os, subprocess; ends = os.pipe(); "
            "os.set_inheritable(ends[1], True); "
            'subprocess.run(["sleep", "0.5"], close_fds=False)'
        )
        leaks = run([sys.executable, "-c", code]).leaks
        self.assertEqual([leak.kind for leak in leaks], ["descriptor"])
        result = run(["/bin/sh", "-c", f"{sys.executable} -c '{code}'; true"])
        self.assertEqual((result.status, result.leaks), (0, ()))

    def test_a_descriptor_that_exec_closes_is_not_a_leak(self) -> None:
        self.assertEqual(leave("descriptor_closed").leaks, ())

    def test_a_pipe_that_a_program_makes_for_itself_is_not_a_leak(self) -> None:
        code = "import os, time; pipe = os.pipe(); time.sleep(0.3)"
        result = run(["/bin/sh", "-c", f"{sys.executable} -c '{code}'; true"])
        self.assertEqual((result.status, result.leaks), (0, ()))


class SubreaperLeakTest(unittest.TestCase):
    """Without namespaces only what surely belongs to the run is blamed."""

    def setUp(self) -> None:
        """Takes the world of last resort."""
        patch = mock.patch.dict(os.environ, {"IPC_LABS_WORLD": "subreaper"})
        patch.start()
        self.addCleanup(patch.stop)

    def test_processes_are_found(self) -> None:
        for mode, kind in (
            ("process", "process"),
            ("daemon", "process"),
            ("stubborn", "process"),
            ("zombie", "zombie"),
        ):
            with self.subTest(mode=mode):
                result = leave(mode)
                self.assertEqual(result.world, "subreaper")
                self.assertEqual([leak.kind for leak in result.leaks], [kind])

    def test_system_v_objects_are_known_by_the_pid_of_their_maker(self) -> None:
        leaks = leave("sysv_shm").leaks
        self.assertEqual(
            [(leak.kind, leak.owner) for leak in leaks], [("sysv shm", "Main")]
        )

    def test_a_name_with_the_token_of_the_run_is_found_however_fast(
        self,
    ) -> None:
        leaks = leave("prefix", secrets.token_hex(4)).leaks
        self.assertEqual([leak.kind for leak in leaks], ["shm", "file"])
        for leak in leaks:
            self.assertEqual(leak.owner, "Main")
            self.assertFalse(os.path.exists(leak.name), leak)

    def test_a_name_of_another_run_is_not_blamed_on_its_reader(
        self,
    ) -> None:
        """A lab that sweeps looks into the files of other runs."""
        other = f"/tmp/ipc-labs-1-{secrets.token_hex(4)}-9-1-x"
        script = f"echo > {other}; exec 3< {other}; sleep 0.3"
        self.assertEqual(run(["/bin/sh", "-c", script]).leaks, ())
        os.unlink(other)

    def test_what_an_orphan_makes_later_is_found(self) -> None:
        """Only when all processes are dead can nothing more be made."""
        name = "/dev/shm/ipc-labs-$$-${IPC_LABS_RUN}x-$$-1-late"
        script = f"(while :; do echo > {name}; rm {name}; done) & echo $$"
        for _ in range(5):
            result = run(["/bin/sh", "-c", script])
            self.assertEqual(result.leaks[0].kind, "process")
            mark = f"ipc-labs-{result.lines[0].raw}-"
            left = [x for x in os.listdir("/dev/shm") if mark in x]
            self.assertEqual(left, [])

    def test_a_file_that_a_process_holds_open_is_found_and_removed(
        self,
    ) -> None:
        name = f"/dev/shm/leaky-{secrets.token_hex(8)}"
        result = run(["/bin/sh", "-c", f"exec 3> {name}; sleep 0.5"])
        self.assertEqual([leak.name for leak in result.leaks], [name])
        self.assertFalse(os.path.exists(name))

    def test_what_others_make_meanwhile_is_not_blamed_on_the_lab(self) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            futures.ThreadPoolExecutor(1) as pool,
        ):
            fifo = os.path.join(folder, "go")
            os.mkfifo(fifo)
            running = pool.submit(run, ["/bin/cat", fifo])
            with open(fifo, "w", encoding="utf-8") as go:
                # Only made when the lab is there: open() has waited for it.
                with tempfile.NamedTemporaryFile(dir="/dev/shm"):
                    go.close()
                    self.assertEqual(running.result().leaks, ())


if __name__ == "__main__":
    results.main()

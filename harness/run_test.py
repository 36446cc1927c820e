"""What a run sees of a lab: its lines, its end, its signals."""

import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from concurrent import futures
from unittest import mock

from harness import proc, results
from harness.run import Run, Service, run, time_scale


def shell(script: str, **options: object) -> Run:
    """Runs a shell script in a world of its own."""
    return run(["/bin/sh", "-c", script], **options)  # type: ignore[arg-type]


class RunTest(unittest.TestCase):
    """Each name is a promise of harness.run.run."""

    def test_lines_have_a_speaker_and_a_text(self) -> None:
        result = shell("echo 'Worker 1: Got 7'; echo; echo plain: text")
        self.assertEqual(
            [(line.speaker, line.text) for line in result.lines],
            [("Worker 1", "Got 7"), ("", ""), ("", "plain: text")],
        )
        self.assertEqual(result.said("Worker 1"), ["Got 7"])

    def test_a_last_line_without_a_newline_is_a_line(self) -> None:
        self.assertEqual(shell("printf 'Main: PASS'").said("Main"), ["PASS"])

    def test_standard_error_is_kept_apart(self) -> None:
        result = shell("echo Main: out; echo wrong >&2")
        self.assertEqual(result.transcript(), "Main: out\n")
        self.assertEqual(result.stderr, "wrong\n")

    def test_standard_error_can_be_passed_on_as_it_comes(self) -> None:
        told: list[str] = []
        with tempfile.TemporaryDirectory() as folder:
            fifo = pathlib.Path(folder, "fifo")
            os.mkfifo(fifo)

            def tell(line: str) -> None:
                told.append(line)
                if line == "first":  # The program waits for this.
                    fifo.write_text("go on\n", encoding="utf-8")

            result = shell(
                f"cd {folder}; echo first >&2; cat fifo; ls /proc/self/fd >&2;"
                "seq 100000; echo last >&2",
                tell=tell,
                env={"TEST_TMPDIR": folder},
            )
        self.assertEqual(result.lines[0].raw, "go on")
        self.assertEqual(len(result.lines), 100_001)
        self.assertEqual(told, ["first", "0", "1", "2", "3", "last"])
        self.assertEqual(result.stderr.split("\n")[:-1], told)

    def test_the_exit_status_is_reported(self) -> None:
        self.assertEqual(shell("exit 7").status, 7)

    def test_death_by_a_signal_is_reported_as_its_negative_number(self) -> None:
        self.assertEqual(shell("kill -SEGV $$").status, -signal.SIGSEGV)

    def test_a_program_that_does_not_exist_is_an_error(self) -> None:
        with self.assertRaises(FileNotFoundError):
            run(["/does/not/exist"])

    def test_standard_input_is_empty(self) -> None:
        self.assertEqual(shell("cat; echo end").transcript(), "end\n")

    def test_nothing_but_the_standard_descriptors_is_inherited(self) -> None:
        read_fd, write_fd = os.pipe()
        self.addCleanup(os.close, read_fd)
        self.addCleanup(os.close, write_fd)
        os.set_inheritable(write_fd, True)
        code = "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"
        result = run([sys.executable, "-c", code])
        self.assertEqual(result.transcript(), "[0, 1, 2, 3]\n")  # 3: listdir.

    def test_no_ignored_or_blocked_signal_is_inherited(self) -> None:
        result = shell("grep -E '^Sig(Blk|Ign)' /proc/self/status")
        sets = [int(line.raw.split()[1], 16) for line in result.lines]
        ordinary = (1 << 31) - 1  # 32 and 33 belong to the C library.
        self.assertEqual([each & ordinary for each in sets], [0, 0])

    def test_variables_are_added_to_the_environment(self) -> None:
        with mock.patch.dict(os.environ, {"IPC_LABS_MINE": "here"}):
            result = shell("echo $TALK $IPC_LABS_MINE", env={"TALK": "much"})
        self.assertEqual(result.transcript(), "much here\n")

    def test_a_lab_is_asked_to_leave_what_it_would_sweep_up(self) -> None:
        self.assertEqual(shell("echo $IPC_LABS_NO_SWEEP").transcript(), "1\n")

    def test_events_are_read_back(self) -> None:
        line = (
            '{"t_ns":5,"pid":9,"process":"Main","kind":"wait",'
            '"object":"Lock@7","id":"x"}'
        )
        result = shell(
            f"exec >> $IPC_LABS_EVENTS; echo '{line}'; echo nonsense"
        )
        event = result.events[0]
        self.assertEqual(len(result.events), 1)
        self.assertEqual((event.t_ns, event.pid, event.kind), (5, 9, "wait"))
        self.assertEqual((event.object, event.id), ("Lock@7", "x"))
        self.assertEqual(result.leaks, ())

    def test_events_can_be_off(self) -> None:
        result = shell("echo x$IPC_LABS_EVENTS", events=False)
        self.assertEqual(result.transcript(), "x\n")

    def test_interrupt_after_a_line_ends_the_whole_group(self) -> None:
        result = shell(
            "sh -c 'echo Main: ready; exec sleep 100'; exit 3",
            interrupt_after="ready",
        )
        # A shell dies of it only if the program that it waits for does.
        self.assertEqual(result.status, -signal.SIGINT)
        self.assertIsNotNone(result.interrupted_s)
        self.assertIsNone(result.hang)

    def test_a_terminal_is_a_terminal(self) -> None:
        result = shell("test -t 0 && test -t 1 && echo yes; tty", tty=True)
        self.assertEqual(result.lines[0].raw, "yes")

    def test_interrupt_reaches_the_foreground_of_a_terminal(self) -> None:
        result = shell(
            "trap 'echo Main: interrupted; exit 5' INT; echo Main: ready;"
            " while :; do sleep 0.01; done",
            tty=True,
            interrupt_after="ready",
        )
        self.assertEqual(result.status, 5)

    def test_children_that_hold_the_pipes_do_not_hold_up_the_run(self) -> None:
        result = shell("sleep 100 & exec sleep 0")
        self.assertLess(result.duration_s, 50)

    def test_much_output_is_read_to_its_end(self) -> None:
        result = shell("seq 200000")
        self.assertEqual(len(result.lines), 200000)
        self.assertEqual(result.lines[-1].raw, "200000")


class EndlessTest(unittest.TestCase):
    """What has no end is ended early, and what was seen of it is bounded."""

    def check(self, script: str, excess: str) -> Run:
        """The script is ended for this reason, and leaves nothing."""
        result = shell(script, limit_s=600)
        self.assertEqual((result.excess, result.hang), (excess, None))
        self.assertEqual((result.status, result.leaks), (-signal.SIGKILL, ()))
        self.assertLess(result.duration_s, 60 * time_scale())
        self.assertLess(len(result.lines), 2_100)
        self.assertLess(len(result.stderr), 100_000)
        return result

    def test_lines_and_both_ends_are_kept(self) -> None:
        result = self.check(
            "echo Main: first; exec yes", "printed more than 250,000 lines"
        )
        self.assertEqual(result.lines[0].raw, "Main: first")
        self.assertEqual(result.lines[-1].raw, "y")
        told = [line.raw for line in result.lines if "left out" in line.raw]
        self.assertRegex("".join(told), r"^\(2\d\d,\d{3} lines are left out\)$")

    def test_a_line(self) -> None:
        result = self.check("cat /dev/zero", "printed more than 64 MiB")
        self.assertRegex(result.lines[0].raw, r"\.\.\. \([\d,]+ bytes\)$")

    def test_standard_error(self) -> None:
        self.check("yes >&2", "printed more than 250,000 lines")

    def test_memory(self) -> None:
        self.check(
            "head -c 16G /dev/zero | tail", "had more than 2,048 MiB of memory"
        )

    def test_events(self) -> None:
        self.check(
            "exec cat /dev/zero >> $IPC_LABS_EVENTS",
            "logged more than 64 MiB of events",
        )

    def test_a_run_goes_on_after_its_watcher_was_stopped(self) -> None:
        with mock.patch.dict(os.environ, {"IPC_LABS_WORLD": "subreaper"}):
            limit_s = 2.0
            result = shell(
                f"kill -STOP $PPID; sleep {1.5 * limit_s * time_scale()};"
                " kill -CONT $PPID; sleep 0.3; echo Main: done",
                limit_s=limit_s,
            )
        self.assertIsNone(result.hang)
        self.assertEqual(result.said("Main"), ["done"])

    def test_no_heir_of_a_killed_process_runs_on(self) -> None:
        script = (
            "exec 9> $TEST_TMPDIR/lock; flock 9; for i in 1 2 3 4 5 6; do"
            " sh -c 'flock 8; echo Heir: has it' 8< $TEST_TMPDIR/lock 9<&- &"
            " done; echo Main: has it; wait"
        )
        for world in (None, "subreaper"):
            variables = {} if world is None else {"IPC_LABS_WORLD": world}
            with (
                self.subTest(world=world),
                tempfile.TemporaryDirectory() as folder,
                mock.patch.dict(os.environ, variables),
            ):
                result = shell(script, quiet_s=0.2, env={"TEST_TMPDIR": folder})
                self.assertIsNotNone(result.hang)
                self.assertEqual(result.transcript(), "Main: has it\n")


class InheritedTest(unittest.TestCase):
    """The starter of the harness may have been careless."""

    def test_sigchld_may_be_ignored(self) -> None:
        code = (
            "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
            "from harness.run import run;"
            "print(run(['/bin/sh', '-c', 'echo hello; exit 3']).status)"
        )
        for world in (None, "subreaper"):
            variables = {} if world is None else {"IPC_LABS_WORLD": world}
            done = subprocess.run(
                [sys.executable, "-c", code],
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(sys.path),
                    **variables,
                },
                stdout=subprocess.PIPE,
                check=True,
            )
            self.assertEqual(done.stdout, b"3\n")

    def test_what_we_change_between_runs_holds_for_the_next(self) -> None:
        """Although one process makes the worlds of all runs."""
        script = "pwd; umask; ulimit -n; nice"
        before = shell(script, events=False).transcript()
        here, mask = os.getcwd(), os.umask(0o27)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        with tempfile.TemporaryDirectory() as folder:
            try:
                os.chdir(folder)
                resource.setrlimit(resource.RLIMIT_NOFILE, (99, limits[1]))
                result = shell(script, env={"TEST_TMPDIR": folder})
            finally:
                os.chdir(here)
                os.umask(mask)
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        self.assertEqual(
            result.transcript().split()[:3], [folder, "0027", "99"]
        )
        self.assertEqual(shell(script, events=False).transcript(), before)

    def test_a_copy_of_us_may_run_programs_too(self) -> None:
        shell("true")
        child = os.fork()
        if child == 0:
            os._exit(shell("exit 3").status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self.assertEqual((status, shell("exit 4").status), (3, 4))

    def test_the_maker_of_worlds_may_die_and_ends_with_us(self) -> None:
        code = (
            "import os, signal; from harness.run import run;"
            "run(['/bin/true']);"
            "children = open(f'/proc/self/task/{os.getpid()}/children');"
            "os.kill(int(children.read()), signal.SIGKILL);"
            "print(run(['/bin/sh', '-c', 'exit 3']).status);"
            "fd = open(f'/proc/self/task/{os.getpid()}/children');"
            "print(fd.read())"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            check=True,
        )
        status, maker = done.stdout.split()
        self.assertEqual(status, b"3")
        self.assertFalse(os.path.exists(f"/proc/{int(maker)}"))

    def test_orders_to_python_and_to_labs_are_not_passed_on(self) -> None:
        names = ("PYTHONHOME", "PYTHONPATH", "IPC_LABS_EXPLORE")
        with mock.patch.dict(os.environ, dict.fromkeys(names, "/nowhere")):
            result = shell("env", events=False)
        for name in names:
            self.assertNotIn(f"\n{name}=", f"\n{result.transcript()}")

    def test_a_wrong_time_scale_gets_a_clear_message(self) -> None:
        for wrong in ("much", "0", "-1", "inf", "nan"):
            with mock.patch.dict(os.environ, {"IPC_LABS_TIME_SCALE": wrong}):
                with self.assertRaisesRegex(ValueError, f"'{wrong}', not a"):
                    shell("true")


class WorldTest(unittest.TestCase):
    """Runs do not meet, and leave nothing behind."""

    def test_the_world_is_no_worse_than_unshare_could_make_it(self) -> None:
        namespaces = "--pid --ipc --mount --net --fork --mount-proc"
        for world, option in (
            ("namespaces", ""),
            ("user namespaces", "--user"),
        ):
            command = f"unshare {option} {namespaces} true"
            if subprocess.run(
                command.split(), stderr=subprocess.DEVNULL, check=False
            ).returncode:
                continue
            self.assertEqual(shell("true").world, world)
            break

    def test_twenty_runs_at_once_do_not_meet(self) -> None:
        if (world := shell("true").world).startswith("subreaper"):
            self.skipTest(f"no namespaces here: {world}")
        script = (
            "set -C; echo x > /tmp/one && echo x > /dev/shm/one"
            " && ls /tmp /dev/shm"
        )
        with futures.ThreadPoolExecutor(20) as pool:
            runs = list(pool.map(shell, [script] * 20))
        for result in runs:
            self.assertEqual(result.status, 0, result.stderr)
            self.assertEqual(len(result.leaks), 2, result.leaks)
        self.assertFalse(os.path.exists("/tmp/one"))

    def test_a_program_below_tmp_is_still_there(self) -> None:
        with tempfile.TemporaryDirectory(dir="/tmp") as folder:
            program = shutil.copy("/bin/true", folder)
            self.assertEqual(run([program]).status, 0)
            result = run([program, "--version"], env={"HOME": folder})
            self.assertEqual(result.status, 0)
            self.assertEqual(result.leaks, ())

    def test_a_program_in_tmp_itself_is_still_there(self) -> None:
        with tempfile.NamedTemporaryFile(dir="/tmp", delete=False) as file:
            self.addCleanup(os.unlink, file.name)
            file.write(b"#!/bin/sh\nls /tmp\n")
        os.chmod(file.name, 0o755)
        result = run([file.name])
        self.assertIn(os.path.basename(file.name), result.transcript())
        self.assertEqual(result.leaks, ())

    def test_loopback_is_up(self) -> None:
        code = (
            "import socket; server = socket.create_server(('127.0.0.1', 0));"
            "socket.create_connection(server.getsockname()); print('up')"
        )
        result = run([sys.executable, "-c", code])
        self.assertEqual(result.transcript(), "up\n", result.stderr)

    def test_a_run_shares_the_network_of_a_service(self) -> None:
        for world in ("namespaces", "user namespaces", "subreaper"):
            with self.subTest(world=world):
                self.talk_to_a_service(world)

    def talk_to_a_service(self, world: str) -> None:
        """Two runs reach one service, and a third after its end does not."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        serve = (
            "import socket\n"
            f"server = socket.create_server(('127.0.0.1', {port}))\n"
            "while True: server.accept()[0].send(b'hello')"
        )
        ask = (
            "import socket, sys, time\n"
            "while True:\n"
            "  try:\n"
            f"    s = socket.create_connection(('127.0.0.1', {port}))\n"
            "    sys.exit(print(s.recv(9)))\n"
            "  except ConnectionRefusedError:\n"
            "    if sys.argv[1] == 'once': raise\n"
            "    time.sleep(0.01)\n"
        )
        command = [sys.executable, "-c", ask]
        with mock.patch.dict(os.environ, {"IPC_LABS_WORLD": world}):
            try:
                service = Service([sys.executable, "-c", serve])
            except RuntimeError as error:
                self.skipTest(str(error))
            with service:
                for _ in range(2):
                    result = run([*command, "again"], network=service)
                    self.assertEqual(result.transcript(), "b'hello'\n")
                    self.assertEqual((result.status, result.leaks), (0, ()))
                if world != "subreaper":
                    result = run([*command, "once"])
                    self.assertIn("ConnectionRefused", result.stderr)
            result = run([*command, "once"])
            self.assertIn("ConnectionRefused", result.stderr)

    def test_a_service_may_tidy_up_at_its_end(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            script = f"trap 'rmdir {folder}/x; exit' TERM; mkdir {folder}/x;"
            environ = {"IPC_LABS_WORLD": "subreaper"}
            with mock.patch.dict(os.environ, environ):
                wait = "while :; do sleep 0.01; done"
                with Service(["/bin/sh", "-c", f"{script} {wait}"]):
                    while not os.listdir(folder):
                        time.sleep(0.01)
            self.assertEqual(os.listdir(folder), [])

    def test_the_end_of_the_harness_ends_the_lab(self) -> None:
        for world in ("namespaces", "user namespaces", "subreaper"):
            with self.subTest(world=world):
                self.kill_the_harness(world)

    def kill_the_harness(self, world: str) -> None:
        """Kills a process in the midst of run() and waits for the lab's end."""
        try:
            with mock.patch.dict(os.environ, {"IPC_LABS_WORLD": world}):
                shell("true")
        except RuntimeError as error:
            self.skipTest(str(error))
        with tempfile.TemporaryDirectory() as folder:
            fifo = os.path.join(folder, "life")
            os.mkfifo(fifo)
            # Each living process of the lab has the write end, as descriptor 1.
            # Its sleeps are short, so the run is not taken to hang.
            script = (
                f"exec > {fifo}; setsid sleep 1000 & echo x;"
                " while :; do sleep 0.1; done"
            )
            code = (
                "from harness.run import run;"
                f"run(['/bin/sh', '-c', {script!r}])"
            )
            root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
            with subprocess.Popen(
                [sys.executable, "-c", code],
                env={
                    **os.environ,
                    "IPC_LABS_WORLD": world,
                    "PYTHONPATH": root,
                    "TMPDIR": folder,
                    "TEST_TMPDIR": folder,
                },
            ) as harness:
                with open(fifo, "rb") as life:
                    self.assertEqual(life.readline(), b"x\n")
                    harness.kill()
                    killed_s = time.monotonic()
                    self.assertEqual(life.read(), b"")
                    took_s = time.monotonic() - killed_s
                    self.assertLess(took_s, 30 * time_scale())

    def test_survivors_are_killed(self) -> None:
        for world in (None, "subreaper"):
            with self.subTest(world=world):
                mark = f"{time.time_ns() % 10**9 + 10**9}"
                environment = {} if world is None else {"IPC_LABS_WORLD": world}
                with mock.patch.dict(os.environ, environment):
                    shell(
                        f"setsid sleep {mark} & setsid sh -c 'sleep {mark} &'"
                    )
                commands = [
                    proc.read_text(f"/proc/{name}/cmdline")
                    for name in os.listdir("/proc")
                ]
                self.assertNotIn(mark, "\n".join(commands))


if __name__ == "__main__":
    results.main()

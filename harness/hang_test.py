"""Every kind of wait is noticed and explained."""

import pathlib
import sys
import unittest
from collections.abc import Sequence
from concurrent import futures
from typing import ClassVar, cast
from unittest import mock

from harness import hang, proc, quiet, results, wire
from harness.run import Event, Hang, Run, run

_STUCK = pathlib.Path(__file__).absolute().parent / "testdata" / "stuck"


# All at once, since a process that is stuck leaves the processor to others.
_MODES = (
    "deadlock deadlock_silent deadlock_robust deadlock_threads own_write_end"
    " only_own_write_end full_pipe child futex futex_slices stopped flock fcntl"
    " ofd socket tcp accept poll epoll mqueue sysv_sem sysv_msg fifo sleep"
    " short_sleep spin zombie"
).split()
# Outside a world of their own these would meet each other, and others.
_NEEDS_WORLD = "flock fcntl ofd tcp accept fifo sysv_msg mqueue".split()


def get_stuck(mode: str) -> Run:
    """Runs the program that gets stuck in one kind of wait."""
    limit_s = 1 if mode == "spin" else 60
    return run([str(_STUCK), mode], quiet_s=0.3, limit_s=limit_s)


class HangTest(unittest.TestCase):
    """Each name is a promise of the explanation."""

    runs: ClassVar[dict[str, Run]] = {}

    @classmethod
    def setUpClass(cls) -> None:
        """Gets stuck in every way."""
        is_alone = not run(["/bin/true"]).world.startswith("subreaper")
        modes = [m for m in _MODES if is_alone or m not in _NEEDS_WORLD]
        with futures.ThreadPoolExecutor(8) as pool:
            cls.runs = dict(zip(modes, pool.map(get_stuck, modes)))

    def hang(self, mode: str) -> Hang:
        """Returns the explanation of a run that must hang."""
        if mode not in self.runs:
            self.skipTest("there is no world for it")
        result = self.runs[mode]
        assert result.hang is not None, result
        self.assertEqual(result.leaks, ())
        return result.hang

    def check(self, mode: str, process: str, sentence: str) -> Hang:
        """Fails unless a process is explained by this pattern."""
        found = self.hang(mode)
        sentences = [
            blocked.sentence()
            for blocked in found.processes
            if blocked.process == process
        ]
        self.assertEqual(len(sentences), 1, found.explain())
        self.assertRegex(sentences[0], f"^{sentence}$")
        return found

    def test_a_deadlock_names_the_locks_and_the_circle(self) -> None:
        found = self.check(
            "deadlock",
            "Worker 1",
            r"Worker 1 waits for Lock 'right', held by Worker 2\.",
        )
        self.assertEqual(set(found.cycle), {"Worker 1", "Worker 2"})
        self.assertIn(
            "Worker 2 waits for Lock 'left', held by Worker 1.",
            found.explain(),
        )
        self.assertIn("in a circle: Worker 1 -> Worker 2", found.explain())

    def test_a_deadlock_without_events_shows_in_the_mutexes(self) -> None:
        for mode in ("deadlock_silent", "deadlock_robust"):
            with self.subTest(mode=mode):
                found = self.check(
                    mode,
                    "Worker 2",
                    r"Worker 2 waits for a mutex, held by Worker 1\.",
                )
                self.assertEqual(set(found.cycle), {"Worker 1", "Worker 2"})

    def test_threads_are_told_apart(self) -> None:
        found = self.hang("deadlock_threads")
        first, second = (each.sentence() for each in found.processes)
        self.assertRegex(
            second, r"^Main, thread \d+ waits for a mutex, held by Main\.$"
        )
        if "that no process wakes" not in first:  # Newer C libraries hide it.
            self.assertRegex(
                first,
                r"^Main waits in futex for a thread to end:"
                r" Main, thread \d+\.$",
            )
            self.assertEqual(len(found.cycle), 2)

    def test_the_readers_own_copy_of_the_write_end(self) -> None:
        found = self.check(
            "own_write_end",
            "Receiver",
            r"Receiver waits in read for the write end of pipe:\[\d+\], which"
            r" Receiver itself and Main still hold open\.",
        )
        self.assertEqual(found.cycle, ("Receiver",))

    def test_only_the_readers_own_copy_of_the_write_end(self) -> None:
        self.check(
            "only_own_write_end",
            "Receiver",
            r"Receiver waits .* which Receiver itself still holds open\.",
        )

    def test_a_full_pipe(self) -> None:
        found = self.check(
            "full_pipe",
            "Sender",
            r"Sender waits in write because the pipe is full: the read end of"
            r" pipe:\[\d+\] is held by Main, who does not read\.",
        )
        self.assertEqual(set(found.cycle), {"Main", "Sender"})

    def test_a_child_that_never_ends(self) -> None:
        found = self.check(
            "child", "Main", r"Main waits in wait4 for a child to end: Worker\."
        )
        self.assertEqual(found.cycle, ())

    def test_a_child_that_is_not_reaped(self) -> None:
        self.check(
            "zombie",
            "Worker",
            r"Worker has ended, but Main has not waited for it\.",
        )

    def test_a_futex(self) -> None:
        for mode in ("futex", "futex_slices"):
            with self.subTest(mode=mode):
                self.check(
                    mode,
                    "Main",
                    r"Main waits for a futex at 0x\w+ that no process wakes\.",
                )

    def test_a_stopped_process(self) -> None:
        self.check(
            "stopped",
            "Worker",
            r"Worker is stopped by a signal and continues only when a process"
            r" sends it SIGCONT\.",
        )

    def test_file_locks(self) -> None:
        for mode in ("flock", "fcntl", "ofd"):
            with self.subTest(mode=mode):
                self.check(
                    mode,
                    "Waiter",
                    r"Waiter waits for the lock on /tmp/stuck-lock, held by"
                    r" Owner\.",
                )

    def test_the_other_side_of_a_socket(self) -> None:
        for mode in ("socket", "tcp"):
            with self.subTest(mode=mode):
                found = self.check(
                    mode,
                    "Client",
                    r"Client waits in \w+ for data from the other side of"
                    r" socket:\[\d+\], held by Main\.",
                )
                self.assertEqual(set(found.cycle), {"Main", "Client"})

    def test_a_connection_that_never_comes(self) -> None:
        self.check(
            "accept",
            "Main",
            r"Main waits in accept for a connection to TCP port 8765\.",
        )

    def test_poll_and_epoll_are_looked_into(self) -> None:
        for mode in ("poll", "epoll"):
            with self.subTest(mode=mode):
                self.check(
                    mode,
                    "Poller",
                    r"Poller waits in \w+ for the write end of pipe:\[\d+\],"
                    r" which Main still holds open\.",
                )

    def test_message_queues(self) -> None:
        self.check(
            "mqueue",
            "Main",
            r"Main waits in \w+ for a message in message queue /stuck.*",
        )
        self.check(
            "sysv_msg",
            "Main",
            r"Main waits in msgrcv for a message in System V message queue"
            r" \d+\.",
        )

    def test_a_system_v_semaphore(self) -> None:
        self.check(
            "sysv_sem",
            "Waiter",
            r"Waiter waits in \w+ for System V semaphore \d+\[0\], held by"
            r" Owner\.",
        )

    def test_a_fifo_that_no_process_opens(self) -> None:
        self.check(
            "fifo",
            "Main",
            r"Main waits in \w+ for another process to open the other end of"
            r" /tmp/stuck-fifo\.",
        )

    def test_a_sleep_beyond_the_limit(self) -> None:
        self.check(
            "sleep",
            "Main",
            r"Main waits in \w+ for a sleep of 1e\+06 s to pass\.",
        )

    def test_a_sleep_within_the_limit_is_not_a_hang(self) -> None:
        result = self.runs["short_sleep"]
        self.assertIsNone(result.hang)
        self.assertEqual(result.status, 0)

    def test_a_wait_of_the_library_that_will_end_is_not_a_hang(self) -> None:
        result = run([str(_STUCK.with_name("patient")), "1.5"], quiet_s=0.3)
        self.assertEqual(result.transcript(), "Main: PASS\n")

    def test_a_wait_of_the_library_without_end_is_a_hang(self) -> None:
        result = run([str(_STUCK.with_name("patient"))], quiet_s=0.3)
        assert result.hang is not None, result
        self.assertRegex(
            result.hang.explain(), r"Main waits for Event@\w+\.\n?"
        )

    def test_a_process_that_tries_again_until_it_gives_up_is_no_hang(
        self,
    ) -> None:
        """It only sleeps between, or looks at a descriptor again."""
        for begin in (
            "poll = select.poll()",
            "poll = select.poll(); poll.register(os.pipe()[0])",
        ):
            loop = f"{begin}\nfor _ in range(12): poll.poll(100)"
            result = run(
                [sys.executable, "-c", f"import os, select\n{loop}"],
                quiet_s=0.3,
            )
            self.assertIsNone(result.hang, begin)

    def test_a_process_that_looks_again_forever_is_a_hang(self) -> None:
        loop = "poll.register(os.pipe()[0])\nwhile True: poll.poll(100)"
        code = f"import os, select\npoll = select.poll()\n{loop}"
        result = run([sys.executable, "-c", code], quiet_s=0.3)
        assert result.hang is not None, result
        self.assertIn("nothing had happened for", result.hang.why)

    def test_a_loop_without_end_is_stopped_at_the_limit(self) -> None:
        found = self.hang("spin")
        self.assertIn("had not ended after", found.explain())
        self.assertIn("Main is running", found.explain())


class QuietTest(unittest.TestCase):
    """When a run that says nothing is taken to hang."""

    def verdict(self, runs: Sequence[int], states: str) -> str:
        """Returns the verdict after looks, 50 ms apart, at one reader.

        It waits in read(2) without a limit. `runs` is how often it has run at
        each look; where `states` has an R, it is running.
        """
        question = {"limit_s": 60.0, "quiet_s": 0.0, "scale": 1.0}
        found = quiet.Quiet(cast(wire.Question, question), True)
        told = ""
        for look, (count, state) in enumerate(zip(runs, states)):
            one = task(7, "Reader", "read", args=[3] * 6, state=state)
            status = f"voluntary_ctxt_switches:\t{count}\n"
            with (
                mock.patch.object(proc, "tasks", return_value=[one]),
                mock.patch.object(proc, "read_text", return_value=status),
            ):
                told = told or found.verdict(look / 20, {}, 0)
        return told

    def test_what_sleeps_without_a_limit_and_never_runs_hangs(self) -> None:
        self.assertIn("nothing had happened", self.verdict([5] * 20, "S" * 20))

    def test_what_has_run_between_two_looks_does_not_hang(self) -> None:
        """It took too little time to be counted, and was asleep each time."""
        self.assertEqual(self.verdict(range(20), "S" * 20), "")

    def test_what_is_seen_running_now_and_then_does_not_hang(self) -> None:
        """However rarely it gets a processor on a machine with much to do."""
        self.assertEqual(self.verdict([5] * 20, "SSSR" * 5), "")


def task(pid: int, name: str, call: str, **more: object) -> wire.Task:
    """Returns a task as a kernel shows it that shows little."""
    known: wire.Task = {
        "pid": pid,
        "tid": pid,
        "ppid": 2,
        "comm": name,
        "state": "S",
        "wchan": "",
        "call": call,
        "args": [],
        "timeout_s": None,
        "waits_on": [],
        "word": [],
        "path": "",
    }
    known.update(more)  # type: ignore[typeddict-item]
    return known


def snapshot(*tasks: wire.Task) -> wire.Snapshot:
    """Returns a snapshot of these tasks, which share one pipe."""
    read_end: wire.Descriptor = {"target": "pipe:[5]", "can": "r", "fifo": True}
    write_end: wire.Descriptor = {
        "target": "pipe:[5]",
        "can": "w",
        "fifo": True,
    }
    return {
        "tasks": list(tasks),
        "descriptors": {
            each["pid"]: {3: read_end, 4: write_end} for each in tasks
        },
        "details": {},
        "locks": "",
        "unix_peers": {},
        "tcp": "",
        "unix": "",
        "watcher_pid": 1,
    }


def event(pid: int, kind: str, thing: str) -> Event:
    """Returns an event as a lab writes it."""
    return Event(0, pid, f"Worker {pid}", kind, thing, "")


class LittleKnownTest(unittest.TestCase):
    """Where /proc/PID/syscall cannot be read, less is said, but the truth."""

    def test_the_kernel_function_shows_the_call(self) -> None:
        for function, call in (
            ("anon_pipe_read", "read"),
            ("pipe_write", "write"),
            ("futex_wait_queue", "futex"),
            ("do_wait", "wait4"),
            ("hrtimer_nanosleep", "clock_nanosleep"),
            ("poll_schedule_timeout.constprop.0", "poll"),
            ("something_new", ""),
            ("0", ""),
        ):
            self.assertEqual(proc.call_of_function(function), call)

    def test_a_call_has_the_name_by_which_the_program_made_it(self) -> None:
        x86_64, aarch64 = 0, 1
        for call, args, machine, made in (
            ("ppoll", [0x1000, 2, 0], x86_64, "ppoll"),
            ("ppoll", [0x1000, 2, 0], aarch64, "poll"),
            ("ppoll", [0, 0, 0], aarch64, "pause"),
            ("epoll_pwait", [3, 0x1000, 1], aarch64, "epoll_wait"),
            ("futex", [0x1000, 0, 0], aarch64, "futex"),
        ):
            self.assertEqual(proc.call_as_made(call, args, machine), made)

    def test_the_only_pipe_of_a_reader_is_taken_for_the_one(self) -> None:
        found = hang.explain(snapshot(task(3, "Receiver", "read")), (), {})
        self.assertEqual(
            found.processes[0].on, "the write end of pipe:[5]", found
        )

    def test_an_unknown_call_is_said_to_be_unknown(self) -> None:
        found = hang.explain(snapshot(task(3, "Odd", "")), (), {})
        self.assertEqual(
            found.processes[0].sentence(), "Odd waits in an unknown call."
        )

    def test_events_alone_show_a_deadlock(self) -> None:
        tasks = [task(pid, f"w{pid}", "futex") for pid in (3, 4, 5)]
        events = [
            event(3, "acquire", "Lock@1"),
            event(5, "acquire", "Lock@2"),
            event(5, "release", "Lock@2"),
            event(4, "acquire", "Lock@2"),
            event(5, "acquire", "Lock@3"),
            event(5, "release", "Lock@3"),
            event(3, "wait", "Lock@2"),
            event(4, "wait", "Lock@1"),
            event(5, "wait", "Event@9"),
        ]
        names = {pid: f"Worker {pid}" for pid in (3, 4, 5)}
        found = hang.explain(snapshot(*tasks), events, names)
        self.assertEqual(set(found.cycle), {"Worker 3", "Worker 4"})
        self.assertEqual(found.processes[0].held_by, ("Worker 4",))
        self.assertEqual(
            found.processes[2].sentence(), "Worker 5 waits for Event@9."
        )

    def test_a_wait_may_say_what_of_an_object_it_waits_for(self) -> None:
        events = [
            Event(1, 0, "Main", "name", "Queue@1", "items"),
            Event(2, 3, "w", "wait", "Queue@1", "room in"),
        ]
        found = hang.explain(
            snapshot(task(3, "w", "futex")), events, {3: "Producer"}
        )
        self.assertEqual(
            found.processes[0].sentence(),
            "Producer waits for room in Queue 'items'.",
        )

    def test_who_has_taken_a_signal_holds_nothing(self) -> None:
        """A permit of a process that had none is not given back."""
        for events in (
            ["4 release", "3 acquire"],
            ["4 release", "4 release", "3 acquire", "3 acquire"],
            ["3 acquire", "4 release"],  # As it may come into the log.
        ):
            told = [
                event(int(pid), kind, "Semaphore@1")
                for pid, kind in (each.split() for each in events)
            ]
            told.append(event(3, "wait", "Semaphore@1"))
            found = hang.explain(snapshot(task(3, "w", "futex")), told, {})
            self.assertEqual(found.processes[0].held_by, (), events)
            self.assertEqual(found.cycle, ())

    def test_a_wait_that_is_over_does_not_count(self) -> None:
        events = [event(3, "wait", "Lock@1"), event(3, "wake", "Lock@1")]
        found = hang.explain(snapshot(task(3, "w", "futex")), events, {})
        self.assertEqual(found.processes[0].on, "a futex that no process wakes")

    def test_a_word_is_a_mutex_only_if_its_sleeper_has_marked_it(self) -> None:
        """Behind a counter of sleeps may be anything: also a small pid."""
        word, sleeper = 0x1000, task(3, "Sleeper", "futex", word=[1, 0, 4])
        for seen, on in (
            (2, "a mutex"),
            (1, f"a futex at {word:#x} that no process wakes"),
        ):
            sleeper["args"] = [word, 0, seen]
            found = hang.explain(snapshot(sleeper, task(4, "w", "")), (), {})
            self.assertEqual(found.processes[0].on, on)

    def test_a_holder_that_has_ended_is_said_to_have_ended(self) -> None:
        events = [event(9, "acquire", "Lock@1"), event(3, "wait", "Lock@1")]
        names = {3: "Worker 3", 9: "Worker 9"}
        found = hang.explain(snapshot(task(3, "w", "futex")), events, names)
        self.assertEqual(
            found.processes[0].sentence(),
            "Worker 3 waits for Lock@1, held by Worker 9 (which has ended).",
        )

    def test_the_keeper_is_not_mentioned(self) -> None:
        keeper = task(2, "pipes", "rt_sigtimedwait", ppid=1)
        found = hang.explain(snapshot(keeper, task(3, "Main", "pause")), (), {})
        self.assertEqual([each.process for each in found.processes], ["Main"])
        self.assertEqual([each.pid for each in found.processes], [3])


if __name__ == "__main__":
    results.main()

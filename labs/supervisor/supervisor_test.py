"""Proves what the chapter on supervision promises."""

from harness import lab

SILENT = r"hung: no heartbeat for \S+ s"


class SupervisorTest(lab.LabTest):
    """Three workers, every way to fail, and who notices."""

    wrong = {
        "no_heartbeat": lab.Caught(
            by="hang", saying="Process unstable-worker waits in pause"
        ),
        "swallowed_error": lab.Caught(
            by="output",
            saying="0 lines 'Supervisor: unstable-worker: ended: failed",
        ),
        "stale_channel": lab.Caught(
            by="output",
            saying="no line \"Supervisor: Sending command 'shutdown' to life 2",
        ),
    }

    tolerates = {
        "Process unstable-worker": "it fails until the supervisor gives it up",
        "Process medium-worker": "told to stop it has stopped, however it ends",
    }

    def check(self, run: lab.Run) -> None:
        """Failures are told as what they are; commands go to one life only."""
        for worker in dict.fromkeys(
            self.captures(run, r"^Process (\S+): failed: ")
        ):
            failures = self.captures(run, f"^Process {worker}: failed: (.*)")
            self.assert_count(
                run,
                f"Supervisor: {worker}: ended: failed: .*, exit status 1",
                len(failures),
            )
        for command in self.captures(run, "Received command (.*)"):
            words, life = command.split(" in life ")
            self.assert_before(
                run,
                f"Supervisor: Sending command {words} to life {life}",
                f".*: Received command {words} in life {life}",
            )

    def told_of(self, run: lab.Run, worker: str) -> list[str]:
        """Returns what the supervisor told of one worker."""
        return self.captures(run, f"^Supervisor: {worker}: (.*)")

    def assert_told(
        self, run: lab.Run, worker: str, expected: list[str]
    ) -> None:
        """The supervisor told just this of the worker, in this order."""
        told = self.told_of(run, worker)
        self.assertEqual(len(told), len(expected), told)
        for text, pattern in zip(told, expected):
            self.assertRegex(text, f"^{pattern}$")

    def test_each_kind_of_failure_is_noticed_and_the_limit_ends_it(
        self,
    ) -> None:
        """An exception, a crash, a hang, and an exception once more."""
        run = self.run_lab()
        failed = "failed: simulated failure, exit status 1"
        self.assert_told(
            run,
            "unstable-worker",
            [
                "started",
                f"ended: {failed}",
                "restart 1 in 0.1 s",
                "started, life 2",
                "ended: killed by SIGABRT",
                "restart 2 in 0.2 s",
                "started, life 3",
                SILENT,
                f"ended: {SILENT}, killed by SIGKILL",
                "restart 3 in 0.4 s",
                "started, life 4",
                f"ended: {failed}",
                "gave up: at most 3 restarts within 600 s",
                f"failed in life 4; last exit: {failed}",
            ],
        )

    def test_a_worker_that_is_done_is_not_restarted(self) -> None:
        """Its reports come in order, and then nothing but its end."""
        self._assert_stable(self.run_lab())

    def test_a_worker_that_beats_may_take_its_time(self) -> None:
        """Ten steps take longer than the silence that is allowed, one not."""
        # Every tenth step is reported, and a report is a heartbeat too.
        self._assert_stable(self.run_lab("--pace=1.5", "--heartbeat=1"))

    def _assert_stable(self, run: lab.Run) -> None:
        self.assert_told(
            run,
            "stable-worker",
            [
                "started",
                "10 iterations",
                "20 iterations",
                "30 iterations",
                "completed",
                "completed in life 1; last exit: exit status 0",
            ],
        )
        self.assert_count(run, "Process stable-worker: Started, life .*", 1)

    def test_a_command_is_answered_and_a_stop_obeyed(self) -> None:
        """The first life dies of the command, the second one answers it."""
        run = self.run_lab()
        self.assert_told(
            run,
            "medium-worker",
            [
                "started",
                "ready",
                "ended: killed by SIGABRT",
                "restart 1 in 0.1 s",
                "started, life 2",
                "ready",
                "done: progress",
                "stopped",
                "stopped in life 2; last exit: exit status 0",
            ],
        )
        self.assert_before(
            run,
            "Supervisor: Stopping all processes",
            "Process medium-worker: Received the request to stop",
        )

    def test_the_limit_is_what_the_flag_says(self) -> None:
        """So many restarts are one start more."""
        run = self.run_lab("--restarts=1", "--iterations=1")
        self.assert_count(run, "Process unstable-worker: Started, life .*", 2)
        self.assert_count(
            run,
            "Supervisor: unstable-worker: gave up: at most 1 restart .*",
            1,
        )


if __name__ == "__main__":
    lab.main()

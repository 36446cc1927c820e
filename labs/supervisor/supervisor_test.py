"""Proves what the chapter on supervision promises."""

import configparser
import dataclasses
import re
import shutil
import subprocess

from harness import lab

SILENT = r"hung: no heartbeat for \S+ s"


class SupervisorTest(lab.LabTest):
    """Three workers, every way to fail, and who notices."""

    known_numbers = {
        "254": "a version of systemd; see systemd.service(5)",
    }
    raw = True
    compared_numbers = {
        "It takes {} seconds: `did not stop": lab.Source(
            "common/supervise/supervisor.h", "stop_timeout_s = {};"
        ),
        "| `stop_timeout_s`, {} s |": lab.Source(
            "common/supervise/supervisor.h", "stop_timeout_s = {};"
        ),
        "is still there after {} ms gets `SIGKILL`": lab.Source(
            "raw.cc", "kPatienceMs = {};"
        ),
    }
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
        "raw_wrong_child": lab.Caught(
            by="output",
            saying="0 lines 'Supervisor: unstable-worker: ended: failed",
        ),
        "raw_zombie": lab.Caught(by="leak", saying="a zombie behind"),
    }

    tolerates = {
        "Process unstable-worker": "it fails until the supervisor gives it up",
        "Process medium-worker": "told to stop, it stops, however it ends",
    }

    def story(self, run: lab.Run) -> object:
        """The reports on two workers; raw.cc has no commands for the third.

        There it works until it is told to end, and the length of a silence
        is no flag.
        """
        lines = [
            dataclasses.replace(line, text=re.sub("for . s", "", line.text))
            for line in run.lines
            if not re.search("medium-worker|command", line.raw)
        ]
        others = dataclasses.replace(run, lines=tuple(lines))
        supervisor = others.said("Supervisor")
        return {
            **{
                line.speaker: others.said(line.speaker)
                for line in lines
                if line.speaker != "Supervisor"
            },
            # One worker after the other in raw.cc, and at once in the lab.
            **{
                worker: [text for text in supervisor if text.startswith(worker)]
                for worker in ("stable-worker", "unstable-worker")
            },
            "Supervisor": [text for text in supervisor if ": " not in text],
        }

    def check(self, run: lab.Run) -> None:
        """Failures are reported as they are; commands go to one life only."""
        for worker in dict.fromkeys(
            self.captures(run, r"^Process (\S+): (?:failed|caught): ")
        ):
            # One that catches its error may say so before it fails of it.
            failures = max(
                len(self.captures(run, f"^Process {worker}: {how}: (.*)"))
                for how in ("failed", "caught")
            )
            self.assert_count(
                run,
                f"Supervisor: {worker}: ended: failed: .*, exit status 1",
                failures,
            )
        hangs = self.captures(run, r"^Process (\S+): Simulating hang")
        for worker in dict.fromkeys(hangs):
            told = f"Supervisor: {worker}: {SILENT}"
            self.assert_count(run, told, hangs.count(worker))
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
        """An exception, a crash, a hang, and an exception again."""
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

    def test_raw_asks_a_worker_to_end_and_kills_one_that_does_not(self) -> None:
        """SIGTERM is enough for the one; the other hangs with it blocked."""
        run = self.run_raw()
        self.check(run)
        self.assert_told(
            run,
            "medium-worker",
            [
                "started",
                "stopped",
                "stopped in life 1; last exit: exit status 0",
            ],
        )
        self.assert_count(
            run, f"Supervisor: unstable-worker: ended: {SILENT}, .*SIGKILL", 1
        )

    def test_the_unit_file_is_what_the_lab_does(self) -> None:
        """Its numbers are those of main.cc and of the library's defaults."""
        unit = configparser.ConfigParser(interpolation=None)
        unit.optionxform = str  # type: ignore[assignment]
        unit.read(self.folder / "ipc-labs-worker.service")
        self.assertEqual(unit["Unit"]["StartLimitIntervalSec"], "600")
        restarts = self.capture(
            self.run_lab("--iterations=1"),
            r"at most (\d+) restarts within 600 s",
        )
        starts = int(unit["Unit"]["StartLimitBurst"])
        self.assertEqual(starts, int(restarts) + 1)
        chapter = (self.folder / "README.md").read_text(encoding="utf-8")
        for section in ("Unit", "Service"):
            for setting in set(unit[section]) - {"Description", "ExecStart"}:
                self.assertIn(f"`{setting}=", chapter)

    def test_systemd_accepts_the_unit_file(self) -> None:
        """It only warns of what it does not know, and ends with status 0."""
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        done = subprocess.run(
            [
                *("systemd-analyze", "verify", "--man=no"),
                self.folder / "ipc-labs-worker.service",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((done.stdout + done.stderr, done.returncode), ("", 0))

    def test_the_limit_is_what_the_flag_says(self) -> None:
        """There is one start more than there are restarts."""
        run = self.run_lab("--restarts=1", "--iterations=1")
        self.assert_count(run, "Process unstable-worker: Started, life .*", 2)
        self.assert_count(
            run,
            "Supervisor: unstable-worker: gave up: at most 1 restart .*",
            1,
        )


if __name__ == "__main__":
    lab.main()

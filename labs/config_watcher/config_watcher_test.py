"""Proves what the chapter on watching a configuration promises."""

import dataclasses
import re

from harness import lab, trace

# The two values that the updaters of the third act raise.
_SUMS = r"cache size (\d+) MB, timeout (\d+) seconds"


def _changed(
    log_level: str,
    connections: int,
    *,
    app_name: str = "Example App",
    cache_size: int = 100,
    timeout: int = 30,
) -> list[str]:
    """Returns what the monitor says about a configuration."""
    return [
        "Configuration changed:",
        f"- App name: {app_name}",
        f"- Log level: {log_level}",
        f"- Max connections: {connections}",
        f"- Cache size: {cache_size} MB",
        f"- Timeout: {timeout} seconds",
    ]


class ConfigWatcherTest(lab.LabTest):
    """A monitor that follows a configuration file."""

    raw = True
    compared_numbers = {
        "the monitor looks after {} ms": lab.Source(
            "common/files/file_watcher.h", "kSettleS = {};", 1000
        ),
        "The updater changes the file {} times": lab.Lines(
            r"Updater: (Wrote|Made) .*", act=1
        ),
        "After {} seconds the updater gives up": lab.Source(
            "main.cc", "kPatienceS = {};"
        ),
    }
    wrong = {
        "lost_update": lab.Caught(
            by="output", saying="lost: 1 of 1 updates of the cache size"
        ),
        "raw_ignores_overflow": lab.Caught(
            by="hang", saying="Monitor waits in read for a change in a watched"
        ),
        "raw_watches_the_file": lab.Caught(
            by="hang", saying="Monitor waits in read for a change in a watched"
        ),
        "skips_updates": lab.Caught(
            by="output",
            saying="there are 2 lines 'Monitor: Configuration changed:', not 3",
        ),
        "writes_in_place": lab.Caught(
            by="output",
            saying="there are 1 lines 'Monitor: Config file has invalid.*not 0",
        ),
        "watches_the_file": lab.Caught(
            by="hang", saying="Monitor waits in read for a change in a watched"
        ),
    }

    # Each change is reported once, with the level that was read.
    explored = (
        lab.Explored(
            {
                "INFO ",
                "INFO DEBUG",
                "INFO ERROR",
                "DEBUG ",
                "DEBUG ERROR",
                "ERROR ",
            }
        ),
        lab.Explored(
            {"cache size 102 MB, timeout 31 seconds": 5},
            scenario="two updaters",
        ),
        lab.Explored(
            {
                "cache size 101 MB, timeout 31 seconds": 2,
                "cache size 101 MB, timeout 30 seconds": 2,
                "cache size 100 MB, timeout 31 seconds": 2,
            },
            variant="lost_update",
        ),
    )

    def story(self, run: lab.Run) -> object:
        """The second act, which raw.cc plays, without what it does not parse.

        Polling is a loop that sleeps, and the third act is about flock(2).
        """
        lines, is_second = [], False
        for line in run.lines:
            if line.speaker == "Main" and line.text.startswith("Act"):
                is_second = line.text.startswith("Act 2")
            if is_second and not re.match("- |All done|PASS", line.text):
                lines.append(line)
        return super().story(dataclasses.replace(run, lines=tuple(lines)))

    def check(self, run: lab.Run) -> None:
        """Each change is reported once, and so is each mistake made."""
        self.assert_never(run, "(Monitor|Updater): failed.*")
        changes = self.captures(
            run, r"Updater: (Wrote initial configuration|Made update \d.*)"
        )
        mistakes = self.captures(run, "Updater: (Made a mistake)")
        removals = self.captures(run, "Updater: (Removed the file)")
        for pattern, made in (
            ("Monitor: Configuration changed:", changes),
            ("Monitor: Config file has invalid JSON format.*", mistakes),
            ("Monitor: Config file is gone.*", removals),
        ):
            self.assert_count(run, pattern, len(made))
        # Each change that is announced is reported before the next one.
        turns = self.captures(
            run,
            "(Updater: (?:Wrote|Made update|Made a mistake|Removed)"
            "|Monitor: Config)",
        )
        self.assertEqual(
            [turn.split(":")[0] for turn in turns],
            ["Updater", "Monitor"] * (len(turns) // 2),
        )
        self.check_updates(run)

    def check_updates(self, run: lab.Run) -> None:
        """No updater's change is lost, whatever the other one did."""
        raised = self.captures(run, r"Updater \d: Raised the (.*) times")
        if not raised:
            return  # An act without them.
        sums = [
            {"cache size": int(size), "timeout": int(time)}
            for size, time in re.findall(
                rf"Main: (?:At first|In the end): {_SUMS}", run.transcript()
            )
        ]
        for what, times in (text.rsplit(" ", 1) for text in raised):
            lost = int(times) - (sums[1][what] - sums[0][what])
            self.assertFalse(
                lost, f"lost: {lost} of {times} updates of the {what}"
            )

    def test_the_monitor_says_what_it_says_in_the_guide(self) -> None:
        """Polling by hash, and then with every way of saving."""
        run = self.run_lab()
        self.assert_said(
            run,
            "Monitor",
            [
                "Watching app_config.json for changes",
                *_changed("INFO", 10),
                *_changed("DEBUG", 10, cache_size=200),
                *_changed("DEBUG", 20, cache_size=200, timeout=60),
                *_changed(
                    "WARNING",
                    20,
                    app_name="Super App",
                    cache_size=200,
                    timeout=60,
                ),
                "Watching app_config.json for changes",
                *_changed("INFO", 10),
                *_changed("DEBUG", 10),
                "Config file has invalid JSON format; log level stays DEBUG",
                *_changed("DEBUG", 20),
                *_changed("DEBUG", 30),
                "Config file is gone; log level stays DEBUG",
                *_changed("DEBUG", 40),
            ],
        )

    def test_watching_looks_less_often_than_polling(
        self,
    ) -> None:
        """At full speed, where polling has no pause."""
        run = self.run_lab()
        asked, told = (
            int(looks)
            for looks in self.captures(
                run, r"Main: Updates complete, the monitor looked (\d+) times"
            )
        )
        self.assertEqual(told, 8, "one at first, and one for each change")
        self.assertGreater(asked, told)

    def test_the_raw_updater_does_not_wait_for_a_dead_monitor(self) -> None:
        """The monitor is killed by its own call, before it has looked."""
        if reason := trace.why_not():
            self.skipTest(reason)
        run = self.run_raw(
            *("strace", "-f", "-qq", "-o", "/dev/null"),
            "--inject=inotify_add_watch:signal=KILL",
            events=False,
        )
        self.assertEqual(run.status, 1)
        self.assertEqual(run.lines[-1].raw, "Main: FAIL the updater failed")


if __name__ == "__main__":
    lab.main()

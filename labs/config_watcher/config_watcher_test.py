"""Proves what the chapter on watching a configuration promises."""

from harness import lab

_INITIAL = ("Example App", "INFO", "10")


def _changed(app_name: str, log_level: str, connections: str) -> list[str]:
    """Returns what the monitor says of a configuration."""
    return [
        "Configuration changed:",
        f"- App name: {app_name}",
        f"- Log level: {log_level}",
        f"- Max connections: {connections}",
    ]


class ConfigWatcherTest(lab.LabTest):
    """A monitor that follows a configuration file."""

    wrong = {
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

    # Each is told once, and as what it was when it was read.
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
    )

    def check(self, run: lab.Run) -> None:
        """Each change is seen once, and no mistake that nobody has made."""
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
        # What is announced is told, and then comes the next.
        turns = self.captures(
            run,
            "(Updater: (?:Wrote|Made update|Made a mistake|Removed)"
            "|Monitor: Config)",
        )
        self.assertEqual(
            [turn.split(":")[0] for turn in turns],
            ["Updater", "Monitor"] * (len(turns) // 2),
        )

    def test_the_monitor_says_what_it_says_in_the_guide(self) -> None:
        """Polling by hash, and then with every way of saving."""
        run = self.run_lab()
        self.assert_said(
            run,
            "Monitor",
            [
                "Watching app_config.json for changes",
                *_changed(*_INITIAL),
                *_changed("Example App", "DEBUG", "10"),
                *_changed("Example App", "DEBUG", "20"),
                *_changed("Super App", "WARNING", "20"),
                "Watching app_config.json for changes",
                *_changed(*_INITIAL),
                *_changed("Example App", "DEBUG", "10"),
                "Config file has invalid JSON format; log level stays DEBUG",
                *_changed("Example App", "DEBUG", "20"),
                *_changed("Example App", "DEBUG", "30"),
                "Config file is gone; log level stays DEBUG",
                *_changed("Example App", "DEBUG", "40"),
            ],
        )

    def test_who_is_told_looks_less_often_than_who_asks(self) -> None:
        """At full speed, where polling means to ask without a pause."""
        run = self.run_lab()
        asked, told = (
            int(looks)
            for looks in self.captures(
                run, r"Main: Updates complete, the monitor looked (\d+) times"
            )
        )
        self.assertEqual(told, 8, "one at first, and one for each change")
        self.assertGreater(asked, told)


if __name__ == "__main__":
    lab.main()

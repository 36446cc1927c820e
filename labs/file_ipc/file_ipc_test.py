"""Proves what the chapter on files promises."""

from harness import lab


class FileIpcTest(lab.LabTest):
    """Data points that are handed over through files."""

    wrong = {
        "naive_overwrite": lab.Caught(
            by="output", saying="'Reader: Half a data point.*' must never be"
        ),
        "no_acknowledgement": lab.Caught(
            by="output", saying="lost: data points 0, 1, 2, 3, 4"
        ),
        "shared_status": lab.Caught(
            by="hang", saying=r"Reader waits in poll .*(folder|status\.txt)"
        ),
    }

    explored = (
        lab.Explored({"received 0 1 and the end": 152}),
        lab.Explored(
            {"saw all of it": 1, "saw half of it": 1, "saw nothing": 1},
            variant="naive_overwrite",
        ),
        lab.Explored(
            {"1 of 2 data points lost": 5, "2 of 2 data points lost": 2},
            variant="no_acknowledgement",
        ),
        lab.Explored(
            {
                "0 of 1 data point lost": 4,
                "1 of 1 data point lost": 2,
                "deadlock: Reader waits for file 'status.txt'": 2,
            },
            variant="shared_status",
        ),
    )

    def check(self, run: lab.Run) -> None:
        """What was written is received: all, whole, once, and in order."""
        self.assert_never(run, "Reader: Half a data point.*")
        self.assert_never(run, "(Reader|Writer): failed.*")
        wrote = self.captures(run, r"Writer: Wrote data point (\d+)")
        got = self.captures(run, r"Reader: Received data point (\d+): \d+")
        lost = [number for number in wrote if number not in got]
        self.assertFalse(lost, f"lost: data points {', '.join(lost)}")
        self.assertEqual(got, wrote)
        for number in wrote:
            self.assert_before(
                run,
                f"Writer: Wrote data point {number}",
                f"Reader: Received data point {number}: {int(number) * 10}",
            )

    def test_both_say_what_they_say_in_the_guide(self) -> None:
        """Each speaker's lines, which are always the same."""
        run = self.run_lab()
        self.assert_said(
            run,
            "Writer",
            [
                "Starting up",
                *(f"Wrote data point {i}" for i in range(5)),
                "Finished",
            ],
        )
        self.assert_said(
            run,
            "Reader",
            [
                "Starting up",
                *(f"Received data point {i}: {i * 10}" for i in range(5)),
                "Received completion signal",
                "Finished",
            ],
        )

    def test_no_data_point_is_written_before_the_last_was_received(
        self,
    ) -> None:
        """The writer waits for the acknowledgement."""
        run = self.run_lab()
        for i in range(4):
            self.assert_before(
                run,
                f"Reader: Received data point {i}: {i * 10}",
                f"Writer: Wrote data point {i + 1}",
            )

    def test_many_data_points_without_a_pause_are_all_received(self) -> None:
        """Where the guide's example loses all of them."""
        self.check(self.run_lab("--points=100"))

    def test_no_data_points_are_understood_too(self) -> None:
        """The end is all that is handed over."""
        run = self.run_lab("--points=0")
        self.assert_said(
            run,
            "Reader",
            ["Starting up", "Received completion signal", "Finished"],
        )

    def test_after_the_readers_death_nothing_is_lost(self) -> None:
        """What was received but not acknowledged is received again."""
        for dies_at in (0, 2, 4):
            run = self.run_lab(f"--reader-dies-at={dies_at}")
            got = self.captures(run, r"Reader: Received data point (\d+): \d+")
            self.assertEqual(
                [int(number) for number in got],
                [*range(dies_at + 1), *range(dies_at, 5)],
            )
            self.assert_count(run, "Main: The reader was killed.*", 1)


if __name__ == "__main__":
    lab.main()

"""Proves what the chapter on isolation promises."""

from harness import lab


class IsolationTest(lab.LabTest):
    """What a parent sees of what its child does to memory."""

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
    }

    def check(self, run: lab.Run) -> None:
        """What is shared is seen, and the end of a child is told as it was."""
        for number in self.captures(
            run, r"Child: I set the shared number to (\d+)"
        ):
            self.assert_count(run, f"Main: The shared number is {number}", 1)
        for _ in self.captures(run, "Child: I move .* boxes"):
            self.assert_count(run, "Main: The child was killed by SIGSEGV", 1)

    def test_the_three_acts_are_always_the_same(self) -> None:
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
                "PASS",
            ],
        )

    def test_what_the_child_did_is_seen_after_it(self) -> None:
        """Join orders the two."""
        run = self.run_lab()
        self.assert_before(
            run,
            "Child: I set the shared number to 42",
            "Main: The shared number is 42",
        )


if __name__ == "__main__":
    lab.main()

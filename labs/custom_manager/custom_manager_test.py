"""Proves what the chapter on custom managers promises."""

from harness import lab

_FINAL = r"^Main: Final counter value: (\d+)"
_NUMBER = r"incremented counter to (\d+)"


class CustomManagerTest(lab.LabTest):
    """A class in a server, which several clients call over TCP."""

    wrong = {
        "any_method": lab.Caught(by="output", saying="reset: accepted"),
        "counted_by_client": lab.Caught(
            by="outcome", saying="outcome 1 was reached but not declared"
        ),
        "counter_of_its_own": lab.Caught(
            by="outcome", saying="outcome 0 was reached but not declared"
        ),
    }

    def check(self, run: lab.Run) -> None:
        """No number is skipped or repeated, and no wrong call is accepted."""
        self.assert_never(run, ": accepted")
        numbers = [int(number) for number in self.captures(run, _NUMBER)]
        self.assert_outcomes(
            self.captures(run, _FINAL)[-1:], [str(len(numbers))]
        )
        self.assertEqual(sorted(numbers), list(range(1, len(numbers) + 1)))

    def test_the_worker_counts_to_ten(self) -> None:
        """As in the guide, and then three clients count to 40."""
        run = self.run_lab()
        self.check(run)
        self.assert_said(
            run,
            "Worker",
            [f"incremented counter to {i}" for i in range(1, 11)],
        )
        self.assertEqual(self.captures(run, _FINAL), ["10", "40", "40"])
        for client in range(3):
            mine = self.captures(run, rf"^Client {client}: {_NUMBER}")
            self.assertEqual(len(mine), 10)
            self.assertEqual(mine, sorted(mine, key=int))

    def test_what_was_not_registered_is_refused(self) -> None:
        """Each attempt gets an error that says why."""
        run = self.run_lab("--increments=1")
        self.check(run)
        self.assert_said(
            run,
            "Stranger",
            [
                "reset: UnknownMethod: there is no method reset",
                "value_: UnknownMethod: there is no method value_",
                "increment by 5: BadCall: it takes 0 arguments, not 1",
                "another key: ManagerGone: connect: the peer refuses our key.*",
            ],
        )

    def test_after_shutdown_a_call_says_that_the_manager_has_gone(
        self,
    ) -> None:
        """At once, because the connection was closed with the server."""
        run = self.run_lab("--clients=1")
        self.assert_count(run, "Main: after shutdown: ManagerGone: .*", 1)


if __name__ == "__main__":
    lab.main()

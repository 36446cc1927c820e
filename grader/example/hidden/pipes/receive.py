"""Hidden checks of pipes/receive, of which the learners are not told."""

from grader import hidden

_IN_EACH_ACT = 2


class Hidden(hidden.Checks):
    """What a receiver does in runs that its author has not seen."""

    def test_any_number_of_messages_arrives(self) -> None:
        """Not only the five of the transcript."""
        count = self.chosen.randint(6, 40)
        run = self.run_judged(f"--messages={count}", f"--dies-after={count}")
        self.check(run)
        self.assert_count(run, "Receiver: Got .*", _IN_EACH_ACT * count)

"""Judges a supervisor by workers that fail, die, and do not want to end."""

from harness import project, results


class SupervisedWorkerTest(project.ProjectTest):
    """When a worker is started again, and when it ends."""

    skeleton = project.Caught(by="output", saying="ended with status 3")
    wrong = {
        "only_exits": project.Caught(
            by="output", saying="`kill -KILL .*was started 1 times"
        ),
        "one_too_many": project.Caught(
            by="output", saying="with 0 restarts the worker was started 2"
        ),
        "no_back_off": project.Caught(
            by="output", saying=r"pause before restart \d was .* must be"
        ),
        "deaf_worker": project.Caught(
            by="output", saying="begins with signals blocked: .*SIGTERM"
        ),
        "kills_at_once": project.Caught(
            by="output", saying="not given the time to save"
        ),
        "sleeps_on": project.Caught(
            by="output", saying="has not ended 5 s after SIGTERM in a pause"
        ),
        "orphan": project.Caught(
            by="hang", saying="the supervisor is dead; its worker must be, too"
        ),
    }

    def test_1_a_worker_that_succeeds_is_done(self) -> None:
        """Then the supervisor ends, too."""
        self.referee("succeeds", ends=True)

    def test_2_a_worker_that_fails_is_started_again(self) -> None:
        """This holds however it has failed."""
        for seed in range(2):
            self.referee("restarts", seed)

    def test_3_a_worker_that_always_fails_is_given_up(self) -> None:
        """This happens after exactly the allowed number of restarts."""
        self.referee("gives_up")

    def test_4_each_pause_is_twice_as_long(self) -> None:
        """The pauses grow up to a limit."""
        self.referee("backs_off")

    def test_5_the_worker_begins_clean(self) -> None:
        """It does not inherit the supervisor's signals and descriptors."""
        self.referee("starts_it_clean", ends=True)

    def test_6_sigterm_ends_the_worker_and_then_the_supervisor(self) -> None:
        """A worker has time to save, but only a limited time."""
        self.referee("ends", ends=True)
        self.referee("kills_the_stubborn", ends=True)

    def test_7_sigterm_ends_it_at_any_time(self) -> None:
        """This holds even in a pause."""
        self.referee("ends_in_a_pause", ends=True)
        for seed in range(2):
            self.referee("ends_at_any_time", seed, ends=True)

    def test_8_the_worker_dies_with_the_supervisor(self) -> None:
        """This holds even if the supervisor is killed."""
        self.referee("takes_its_worker_along")

    def test_9_a_wrong_usage_gets_one_line(self) -> None:
        """The status is 2."""
        self.referee("refuses", ends=True)


if __name__ == "__main__":
    results.main()

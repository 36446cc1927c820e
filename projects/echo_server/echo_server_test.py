"""Judges an echo server by its clients: many, slow, silent, and gone."""

from harness import project, results


class EchoServerTest(project.ProjectTest):
    """What a client may rely on, and what it cannot do to the others."""

    skeleton = project.Caught(
        by="output", saying="ended with status 1 before it said 'ready'"
    )
    wrong = {
        "one_after_the_other": project.Caught(
            by="hang", saying="Referee waits"
        ),
        "forgets_the_rest": project.Caught(by="hang", saying="Referee waits"),
        "waits_for_the_slow": project.Caught(by="hang", saying="Referee"),
        "keeps_it_all": project.Caught(
            by="output", saying="a client that reads nothing"
        ),
        "dies_of_sigpipe": project.Caught(
            by="output", saying="killed by SIGPIPE when a client went"
        ),
        "gives_up": project.Caught(
            by="output", saying="when it had 20 descriptors and 30 clients"
        ),
    }

    def test_1_what_a_client_sends_comes_back(self) -> None:
        """It sends text, other bytes, and a mebibyte."""
        self.referee("comes_back")

    def test_2_many_clients_are_served_at_the_same_time(self) -> None:
        """They send in any order, and all at once."""
        for seed in range(2):
            self.referee("many", seed)

    def test_3_a_client_that_half_closes_gets_all(self) -> None:
        """After that it gets end of file."""
        self.referee("half_closes")

    def test_4_a_client_that_never_reads_holds_back_itself_alone(self) -> None:
        """It does not hold back the others, and the server goes on."""
        self.referee("never_reads")

    def test_5_a_client_that_vanishes_hurts_nobody(self) -> None:
        """This holds whatever it has left unread."""
        for seed in range(3):
            self.referee("vanishes", seed)

    def test_6_clients_that_are_too_many_wait(self) -> None:
        """They wait until there is a descriptor for them."""
        self.referee("more_than_descriptors")

    def test_7_sigterm_ends_it_and_leaves_nothing(self) -> None:
        """Neither a socket in the file system nor a process is left."""
        self.referee("ends", ends=True)

    def test_8_a_path_that_cannot_be_gets_one_line(self) -> None:
        """The line is on standard error, and the status is not 0."""
        self.referee("refuses")


if __name__ == "__main__":
    results.main()

"""Proves what the chapter on authentication promises."""

import pathlib

from harness import lab

_REFUSED = "connect: the peer refuses our key: Permission denied"


class AuthenticationTest(lab.LabTest):
    """Which clients come in, which do not, and whose word counts."""

    compared_numbers = {
        "may be longer than {} bytes": lab.Source(
            "common/net/auth.h", "kMaxBytes = {};"
        ),
        "the client has {} seconds for all of it": lab.Source(
            "common/net/listener.h", "incomplete_max_s = {};"
        ),
    }
    wrong = {
        "relayable": lab.Caught(
            by="output", saying="'Main: The relay is refused'"
        ),
        "trusted_word": lab.Caught(
            by="output", saying="'Server: Liar is not who it says'"
        ),
    }

    tolerates = {
        "Lured": "its connection fails anyway: it was lured away from the"
        " server"
    }

    def check(self, run: lab.Run) -> None:
        """A relay is refused, and a lie is found out."""
        if self.captures(run, "Main: The relay is .*"):
            self.assert_count(run, "Main: The relay is refused", 1)
        for _ in self.captures(run, "Liar: Saying that I am another process"):
            self.assert_count(run, "Server: Liar is not who it says", 1)

    def test_without_a_key_every_client_comes_in(self) -> None:
        """A stranger is let in, and is served."""
        run = self.run_lab()
        self.assert_said(run, "Stranger", ["Let in", "Received: Echo: Hello"])

    def test_with_a_key_only_clients_that_know_it_come_in(self) -> None:
        """The server neither sees the three others nor waits for them."""
        run = self.run_lab()
        self.assert_said(run, "Friend", ["Let in", "Received: Echo: Hello"])
        self.assert_said(run, "Impostor", [_REFUSED])
        self.assert_said(run, "Talker", ["Hung up on"])
        self.assert_said(
            run,
            "Server",
            [
                "Starting",
                "Received 'Hello', echoing back",
                "Stopped; 0 never came in",
                "Starting",
                "Received 'Hello', echoing back",
                "Stopped; 3 never came in",
                "Starting",
                "Stopped; 1 never came in",
                "Starting",
                "Honest is who it says",
                "Liar is not who it says",
            ],
        )

    def test_a_relay_is_refused(self) -> None:
        """So is the client that it has lured: both have the wrong address."""
        run = self.run_lab()
        self.assert_count(run, "Main: The relay is refused", 1)
        self.assert_count(run, "Lured: connect: .*: Permission denied", 1)

    def test_the_kernel_knows_who_is_there(self) -> None:
        """Whatever the client says about itself."""
        run = self.run_lab()
        self.assert_count(run, "Honest: Saying that I am this process", 1)
        self.assert_count(run, "Liar: Saying that I am another process", 1)
        self.assert_before(
            run, "Server: Honest is who it says", "Server: Liar is not .*"
        )

    def test_a_client_may_be_python(self) -> None:
        """It is let in like the others, but its protocol lets the relay in."""
        if not pathlib.Path("/usr/bin/python3").exists():
            self.skipTest("there is no /usr/bin/python3")
        run = self.run_lab("--python")
        self.assert_said(run, "Friend", ["Let in", "Received: Echo: Hello"])
        self.assert_count(run, "Main: The relay is let in without the key", 1)
        self.assert_count(
            run, "Server: Received 'I do not know the key', echoing back", 1
        )


if __name__ == "__main__":
    lab.main()

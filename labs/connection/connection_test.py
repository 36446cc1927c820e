"""Proves what the chapter on connections promises."""

import pathlib
import re

from harness import lab

_TALKS = {
    "Client 0": ["Hello", "How are you?", "close"],
    "Client 1": ["Testing", "Another message", "close"],
    "Client 2": ["Final message", "shutdown"],
}
_STRANGERS = ("Reset", "Half-close", "Killed", "Oversized", "Deaf", "Garbage")


def _dialog(messages: list[str]) -> list[str]:
    """Returns what a client says whose messages these are."""
    said = ["Connected"]
    for message in messages[:-1]:
        said += [f"Sent '{message}'", f"Received: Echo: {message}"]
    return said + [f"Sent '{messages[-1]}'", "Finished"]


class ConnectionTest(lab.LabTest):
    """A server for many clients, whatever single ones do."""

    wrong = {
        "one_at_a_time": lab.Caught(by="hang", saying="Client 0"),
        "relayable": lab.Caught(
            by="output", saying="'Main: The relay is refused'"
        ),
        "uncaught": lab.Caught(by="status", saying="the server: exit status 1"),
    }

    tolerates = {
        "Reset|Half-close|Oversized|Deaf|Garbage|Lured": "a stranger: what it"
        " does to others counts, and not how it ends itself"
    }

    def check(self, run: lab.Run) -> None:
        """Whoever has no key is refused, a relay as well."""
        self.assert_count(run, "Main: The relay is refused", 1)

    def _assert_three_are_served(self, run: lab.Run) -> None:
        for client, messages in _TALKS.items():
            self.assert_said(run, client, _dialog(messages))

    def test_three_clients_are_served_at_a_time(self) -> None:
        """None goes on before all are answered; the silent one waits alone."""
        for flags in ((), ("--address=/tmp/socket",), ("--address=[::1]:0",)):
            with self.subTest(flags=flags):
                if flags and "::1" in flags[0]:
                    if not pathlib.Path("/proc/net/if_inet6").exists():
                        continue
                run = self.run_lab(*flags)
                self.check(run)
                self._assert_three_are_served(run)
                answers = [
                    f"{client}: Received: Echo: {messages[0]}"
                    for client, messages in _TALKS.items()
                ]
                for client, messages in _TALKS.items():
                    second = re.escape(f"{client}: Sent '{messages[1]}'")
                    for answer in answers:
                        self.assert_before(run, answer, second)
                self.assert_count(run, "Server: Stopped; 1 never came in", 1)

    def test_shutdown_lets_the_others_finish(self) -> None:
        """Nobody comes in any more, and nobody is thrown out."""
        run = self.run_lab()
        said = run.said("Server")
        end = said.index("Stopped; 1 never came in")
        self.assertLess(said.index("Shutting down"), end)
        self.assertEqual(sum("Closing" in text for text in said[:end]), 2)
        self.assertFalse(any("did not finish" in text for text in said))

    def test_strangers_end_only_their_own_connections(self) -> None:
        """After each of them Main is answered as before."""
        run = self.run_lab()
        for stranger in _STRANGERS:
            self.assert_count(run, f"Main: Received: Echo: After {stranger}", 1)
        said = run.said("Server")
        second = said.index("Starting", 1)
        ends = [
            text
            for text in said[second:]
            if text.startswith("Connection ") and "accepted" not in text
        ]
        self.assertEqual(
            ends,
            [
                "Connection 2 ended",
                "Connection 3 ended",
                "Connection 4 ended inside a message",
                "Connection 5 closed: receive: length of a message: "
                "Message too long",
            ],
        )
        # The garbage and the relay.
        self.assert_count(run, "Server: Stopped; 2 never came in", 1)
        self.assert_said(run, "Half-close", ["Received: Echo: My last words"])
        self.assert_said(run, "Deaf", ["Hung up on, for I read nothing"])

    def test_it_listens_where_it_is_told(self) -> None:
        """The guide's port, which is free in a world of one's own."""
        run = self.run_lab("--address=localhost:50000")
        self._assert_three_are_served(run)

    def test_a_wrong_address_gets_one_clear_line(self) -> None:
        """Before anything has begun."""
        run = self.run_lab("--address=nowhere", clean=False)
        self.assertEqual(run.status, 2)
        self.assertIn("neither host:port nor /path", run.stderr)

    def test_a_client_may_be_python(self) -> None:
        """It is served as the others, and its protocol lets the relay in."""
        if not pathlib.Path("/usr/bin/python3").exists():
            self.skipTest("there is no /usr/bin/python3")
        run = self.run_lab("--python")
        self._assert_three_are_served(run)
        self.assert_count(run, "Main: The relay is let in without the key", 1)
        self.assert_count(
            run,
            "Server: Received 'I do not know the key', echoing back",
            1,
        )


if __name__ == "__main__":
    lab.main()

"""Proves what the chapter on connections promises."""

import os
import pathlib
import re
import signal

from harness import lab

_TALKS = {
    "Client 0": ["Hello", "How are you?", "close"],
    "Client 1": ["Testing", "Another message", "close"],
    "Client 2": ["Final message", "shutdown"],
}
_STRANGERS = ("Reset", "Half-close", "Killed", "Oversized", "Deaf")
_REFUSED = "Refused: no server listens; trying again"
_NUMBER = re.compile(r"onnection \d+")


def _dialog(messages: list[str]) -> list[str]:
    """Returns what a client says whose messages these are."""
    said = ["Connected"]
    for message in messages[:-1]:
        said += [f"Sent '{message}'", f"Received: Echo: {message}"]
    return said + [f"Sent '{messages[-1]}'", "Finished"]


class ConnectionTest(lab.LabTest):
    """A server for many clients, whatever single ones do."""

    raw = True
    compared_numbers = {
        "lets more than {} MiB pile up": lab.Source(
            "peer.cc", "kUnsentMax = {};", 2**-20
        ),
        "With the limit of {} MiB the server": lab.Source(
            "peer.cc", "kUnsentMax = {};", 2**-20
        ),
        "have {} seconds to finish": lab.Source("main.cc", "kGraceS = {};"),
        "it sleeps for {} ms": lab.Source("clients.cc", "kRetryMs = {};"),
        "tries again every {} ms": lab.Source("clients.cc", "kRetryMs = {};"),
        "`Late` gives up after {} second.": lab.Source(
            "clients.cc", "kLateS = {};"
        ),
    }
    wrong = {
        "no_retry": lab.Caught(
            by="output", saying="there is no line 'Early: Connected'"
        ),
        "one_at_a_time": lab.Caught(by="hang", saying="Client 0"),
        "raw_short_read": lab.Caught(
            by="output", saying="BAD +Main: Received: Echo: How are"
        ),
        "uncaught": lab.Caught(by="status", saying="the server: exit status 1"),
    }

    tolerates = {
        "Reset|Half-close|Oversized|Deaf": "a stranger: what it does to others"
        " counts, not how it ends itself"
    }

    def check(self, run: lab.Run) -> None:
        """An answer echoes what was sent; a client that is refused retries."""
        for speaker, echo in self._echoes(run):
            self.assert_before(
                run,
                re.escape(f"{speaker}: Sent '{echo}'"),
                re.escape(f"{speaker}: Received: Echo: {echo}"),
            )
        if f"Early: {_REFUSED}" in (line.raw for line in run.lines):
            self.assert_before(run, f"Early: {_REFUSED}", "Early: Connected")

    @staticmethod
    def _echoes(run: lab.Run) -> list[tuple[str, str]]:
        return [
            (line.speaker, line.text.removeprefix("Received: Echo: "))
            for line in run.lines
            if line.text.startswith("Received: Echo: ")
            and line.speaker != "Half-close"  # It says only what it gets.
        ]

    def story(self, run: lab.Run) -> object:
        """Only act 2, which is what raw.cc plays.

        The numbers of the connections are not the same in two runs, nor is the
        order in which the server handles the clients.
        """
        told: dict[str, list[str]] = {
            client: run.said(client) for client in _TALKS
        }
        server = run.said("Server")
        told["Server"] = sorted(
            _NUMBER.sub("onnection N", text)
            for text in server[: server.index("Stopped") + 1]
        )
        if "Early" in (line.speaker for line in run.lines):
            for text in (
                "Closing connection N",
                "Connection N accepted",
                "Received 'Are you there?', echoing back",
            ):
                told["Server"].remove(text)
        return told

    def _assert_three_are_served(self, run: lab.Run) -> None:
        for client, messages in _TALKS.items():
            self.assert_said(run, client, _dialog(messages))

    def test_three_clients_are_served_at_the_same_time(self) -> None:
        """None continues before all are answered; one stays silent."""
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

    def test_a_client_may_come_before_the_server(self) -> None:
        """It is refused, tries again, and is served."""
        for address in ("127.0.0.1:0", "localhost:50000", "/tmp/socket"):
            run = self.run_lab(f"--address={address}")
            self.assert_said(
                run,
                "Early",
                [_REFUSED, *_dialog(["Are you there?", "close"])],
            )
            self.assert_before(run, f"Early: {_REFUSED}", "Server: Starting")

    def test_a_client_gives_up_at_its_deadline(self) -> None:
        """A second after its first attempt, when the server has gone."""
        run = self.run_lab("--pace=1")
        gave_up = "I give up after a second: Connection refused"
        self.assert_said(run, "Late", [_REFUSED, gave_up])
        self.assert_before(run, "Server: Stopped", f"Late: {_REFUSED}")
        self.assert_takes(run, f"Late: {_REFUSED}", f"Late: {gave_up}", 0.9)

    def test_shutdown_lets_the_others_finish(self) -> None:
        """No client comes in any more, and none is thrown out."""
        run = self.run_lab()
        said = run.said("Server")
        end = said.index("Stopped")
        self.assertLess(said.index("Shutting down"), end)
        self.assertEqual(sum("Closing" in text for text in said[:end]), 3)
        self.assertIn("Connection 2 ended", said[:end])
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
        self.assert_said(run, "Half-close", ["Received: Echo: My last words"])
        self.assert_said(run, "Deaf", ["Hung up on, because I read nothing"])

    def test_it_listens_where_it_is_told(self) -> None:
        """At the guide's port, which is free in the world of the run."""
        run = self.run_lab("--address=localhost:50000")
        self._assert_three_are_served(run)

    def test_a_wrong_address_gets_one_clear_line(self) -> None:
        """Before the lab has begun."""
        run = self.run_lab("--address=nowhere", clean=False)
        self.assertEqual(run.status, 2)
        self.assertIn("neither host:port nor /path", run.stderr)

    def test_it_does_not_talk_to_a_stranger_at_its_address(self) -> None:
        """Neither to a server at its port or path, nor to another machine."""
        listen = (
            "import os, socket, sys\n"
            "kind, address, program, flag = sys.argv[1:]\n"
            "family = getattr(socket, kind)\n"
            "server = socket.socket(family)\n"
            "tcp = ('127.0.0.1', 50001)\n"
            "server.bind(tcp if kind == 'AF_INET' else address)\n"
            "server.listen()\n"
            "words = program, '--pace=0', flag\n"
            "status = os.spawnv(os.P_WAIT, program, words)\n"
            "server.setblocking(False)\n"
            "try: server.accept()\n"
            "except BlockingIOError: sys.exit(status)\n"
            "sys.exit('a client has connected')\n"
        )
        in_use = "Address already in use"
        for kind, address, why in (
            ("AF_INET", "127.0.0.1:50001", in_use),
            ("AF_UNIX", f"/tmp/ipc-labs-taken-{os.getpid()}", in_use),
            ("AF_INET", "192.0.2.1:50001", "Cannot assign requested address"),
        ):
            run = self._run(
                [
                    *("python3", "-c", listen, kind, address),
                    *(self.program(), f"--address={address}"),
                ]
            )
            self.assertEqual((run.status, run.stderr), (1, ""))
            self.assertEqual(
                [line.raw for line in run.lines],
                [f"Main: FAIL {address}: {why}"],
            )

    def test_ctrl_c_leaves_no_path(self) -> None:
        """Ctrl-C to all of its processes, or SIGTERM to its first one."""
        for number in (signal.SIGINT, signal.SIGTERM):
            run = self.run_lab(
                "--address=/tmp/socket",
                "--pace=1",
                interrupt_after="Client 0: Sent 'Hello'",
                interrupt_signal=number,
            )
            self.assertEqual(run.leaks, ())

    def test_python_and_ipv6_get_one_clear_line(self) -> None:
        """Python's Client takes a host and a port for IPv4."""
        if not pathlib.Path("/proc/net/if_inet6").exists():
            self.skipTest("this machine has no IPv6")
        run = self.run_lab("--python", "--address=[::1]:0", clean=False)
        self.assertEqual((run.status, run.stderr, len(run.lines)), (1, "", 1))
        self.assertIn("has no IPv6", run.lines[0].raw)

    def test_a_client_may_be_python(self) -> None:
        """It is served like the others."""
        if not pathlib.Path("/usr/bin/python3").exists():
            self.skipTest("there is no /usr/bin/python3")
        self._assert_three_are_served(self.run_lab("--python"))

    def test_the_raw_server_does_not_outlive_clients_that_fail(self) -> None:
        """No client gets a socket, so none can tell the server to shut down."""
        run = self.run_raw("sh", "-c", 'ulimit -n 6; exec "$0"', events=False)
        self.assertEqual(run.status, 1)
        self.assertIn("Client 2: failed: socket: Too many open", run.stderr)
        self.assertEqual(run.said("Main")[-1], "FAIL a client failed")


if __name__ == "__main__":
    lab.main()

"""Proves what the chapter on custom protocols promises."""

import pathlib
import re

from harness import lab

_BOB = r'{"user":{"email":"bob@example.com","name":"Bob"}}'
_LAPTOP = r'{"product":{"name":"Laptop","price":999.99}}'
_TABLET = r'{"product":{"name":"Tablet","price":299.99}}'

# What the client asks and gets in act 1; the ids are 1, 2, 3, 4, 4, 5, 6.
_ACT_1 = (
    ("get_user", f"response - user_data: {_BOB}"),
    ("get_user", 'error - user_not_found: {"user_id":"99"}'),
    ("get_product", f"response - product_data: {_LAPTOP}"),
    ("get_product", f"response - product_data: {_TABLET}"),
    ("get_product", f"response - product_data: {_TABLET}"),
    ("invalid_action", 'error - unknown_action: {"action":"invalid_action"}'),
    ("shutdown", "response - shutdown_acknowledged: {}"),
)


class CustomProtocolTest(lab.LabTest):
    """Every request gets one answer, whatever happens to it."""

    known_numbers = {
        "65,558": "22 bytes and the flipped bit, which is worth 65,536",
    }
    compared_numbers = {
        "This one keeps the last {}:": lab.Source(
            "server.cc", "kRemembered = {};"
        ),
    }
    wrong = {
        "done_twice": lab.Caught(
            by="output", saying="the answers are different"
        ),
        "kept_copy": lab.Caught(by="hang", saying="Server"),
        "no_checksum": lab.Caught(
            by="output", saying="a damaged request got a response"
        ),
        "warned": lab.Caught(by="output", saying="the answers are different"),
    }

    explored = (
        lab.Explored({"4 left, 4 left": 14}),
        lab.Explored({"4 left, 3 left": 26}, variant="done_twice"),
    )

    def check(self, run: lab.Run) -> None:
        """A repeated request has its answer, a damaged one gets an error."""
        said = run.said("Client")
        for text, then in zip(said, said[1:]):
            self.assertNotEqual(
                text, "The answers are different", "the answers are different"
            )
            if text == "Sending a damaged request":
                self.assertRegex(
                    then, "^Received error", "a damaged request got a response"
                )
        self.assertNotIn(
            "The answers are different", said, "the answers are different"
        )

    def _assert_act_1(self, run: lab.Run) -> None:
        said: list[str] = []
        for action, answer in _ACT_1:
            said += [f"Sending {action} request", f"Received {answer}"]
        self.assertEqual(run.said("Client")[: len(said)], said)
        server = run.said("Server")
        self.assertEqual(
            server[: server.index("Shutting down") + 2],
            [
                "Started",
                "Received request - get_user",
                "Received request - get_user",
                "Received request - get_product",
                "Received request - get_product",
                "Received request 4 again",
                "Received request - invalid_action",
                "Received request - shutdown",
                "Shutting down",
                "Stopped; did 6 requests",
            ],
        )

    def test_the_guides_requests_are_answered(self) -> None:
        """Seven requests, of which one comes twice and is done once."""
        self._assert_act_1(self.run_lab())

    def test_the_client_may_be_python(self) -> None:
        """It asks the same, and gets the same answers."""
        if not pathlib.Path("/usr/bin/python3").exists():
            self.skipTest("there is no /usr/bin/python3")
        run = self.run_lab("--python")
        self.check(run)
        self._assert_act_1(run)

    def test_a_repeated_purchase_is_made_once(self) -> None:
        """One that is too old to be remembered is not made at all."""
        said = self.run_lab().said("Client")
        begin = said.index("Sending buy_tablet request")
        self.assertEqual(
            said[begin : begin + 6],
            [
                "Sending buy_tablet request",
                'Received notification - stock_changed: {"left":4}',
                'Received response - bought: {"left":4}',
                "Sending buy_tablet request",
                'Received response - bought: {"left":4}',
                "The answers are the same",
            ],
        )
        last = len(said) - said[::-1].index("Sending buy_tablet request")
        self.assertEqual(said[last], 'Received error - too_old: {"id":1}')

    def test_damaged_messages_are_answered_with_an_error(self) -> None:
        """The server continues if it knows where the next message begins."""
        said = self.run_lab().said("Client")
        begin = said.index("Sending a damaged request")
        errors = [
            match[1]
            for text in said[begin:]
            if (match := re.match(r"Received error - (\w+)", text))
        ]
        self.assertEqual(
            errors,
            [
                "bad_checksum",
                "bad_version",
                "not_a_request",
                "bad_header",
                "too_long",
            ],
        )
        # After the first three the same server still serves.
        place = said.index("Received error - not_a_request: {}")
        self.assertIn("Phone", said[place + 2])

    def test_the_end_of_the_client_ends_the_server(self) -> None:
        """After a message, and inside one."""
        run = self.run_lab()
        self.assert_count(
            run, "Server: The client has gone: end inside a message", 1
        )
        self.assert_count(run, "Server: The client has gone: end of file", 2)
        self.assert_count(run, r"Server: Stopped; did \d+ requests", 7)

    def test_an_answer_to_another_request_is_not_taken(self) -> None:
        """Act 7: the first of two answers is not the one that is wanted."""
        run = self.run_lab()
        self.assert_before(
            run,
            "Client: Sending two requests",
            "Client: That is the answer to 1, not to 2",
        )
        said = run.said("Client")
        refused = said.index("That is the answer to 1, not to 2")
        self.assertIn("Bob", said[refused + 1])
        self.assertEqual(said[refused + 2], "Sending shutdown request")


if __name__ == "__main__":
    lab.main()

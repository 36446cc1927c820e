"""Proves what the chapter on pipes promises."""

from harness import lab

ACT_ONE = (
    "Starting to receive",
    "No message received in the last second",
    *(f"Got 'Message {i}'" for i in range(5)),
    "Done receiving: the sender said so",
)
ACT_TWO = (
    "Starting to receive",
    "No message received in the last second",
    "Got 'Message 0'",
    "Got 'Message 1'",
    "Done receiving: end of file, no sender is left",
)


class PipesTest(lab.LabTest):
    """A sender, a receiver, and the end of the messages."""

    raw = True
    wrong = {
        "unclosed_end": lab.Caught(
            by="hang",
            saying=r"Receiver waits in (read|poll) .*Receiver itself",
        ),
        "no_framing": lab.Caught(
            by="output", saying="Got 'Message 9Message 10'"
        ),
        "raw_unclosed_end": lab.Caught(
            by="hang", saying=r"Receiver waits in read .*Receiver itself"
        ),
        "ignored_status": lab.Caught(
            by="output",
            saying="there are 0 lines 'Main: The sender was killed by SIGKILL'",
        ),
    }

    def check(self, run: lab.Run) -> None:
        """Every message that was sent is received, whole and in order.

        Main says of a sender that began and did not finish that it was
        killed.
        """
        self.assert_never(run, "Receiver: failed.*")
        sent = self.captures(run, "Sender: Sent ('.*')")
        got = self.captures(run, "Receiver: Got (.*)")
        for message in dict.fromkeys(got):
            self.assert_before(
                run, f"Sender: Sent {message}", f"Receiver: Got {message}"
            )
        self.assertEqual(sent, got)
        begun = self.captures(run, "Sender: Starting to send messages")
        done = self.captures(run, "Sender: Done sending")
        self.assert_count(
            run,
            "Main: The sender was killed by SIGKILL",
            len(begun) - len(done),
        )

    def test_both_acts_end_but_only_the_first_by_a_message(self) -> None:
        """The end signal, and end of file where there is none."""
        run = self.run_lab()
        self.assert_said(run, "Receiver", [*ACT_ONE, *ACT_TWO])
        self.assert_count(run, "Sender: Done sending", 1)
        self.assert_count(run, "Main: The sender was killed by SIGKILL", 1)

    def test_each_message_is_sent_before_it_is_received(self) -> None:
        """Said before the send, and after the receive."""
        run = self.run_lab("--dies-after=0")
        for i in range(5):
            self.assert_before(
                run,
                f"Sender: Sent 'Message {i}'",
                f"Receiver: Got 'Message {i}'",
            )

    def test_the_first_poll_lasts_a_second(self) -> None:
        """As it says; the sender waits for the word that comes then."""
        run = self.run_lab("--pace=1", "--messages=0", "--dies-after=0")
        self.assert_takes(
            run,
            "Receiver: Starting to receive",
            "Receiver: No message received in the last second",
            1,
        )

    def test_a_sender_that_sends_nothing_is_understood_too(self) -> None:
        """No messages at all, in either act."""
        run = self.run_lab("--messages=0", "--dies-after=0")
        self.assert_never(run, "Got|Sent")
        self.assert_count(run, "Receiver: Done receiving.*", 2)


if __name__ == "__main__":
    lab.main()

"""The tests of what compares a chapter's excerpt with a trace."""

import unittest

from harness import trace

TRACED = """\
5     clone(child_stack=NULL, flags=SIGCHLD, child_tidptr=0x7f52ae840a10) = 6
6     socketpair(AF_UNIX, SOCK_STREAM, 0, [5, 6]) = 0
7     futex(0x7f52ae840000, FUTEX_WAIT, 0, NULL <unfinished ...>
8     futex(0x7f52ae840000, FUTEX_WAKE, 1 <unfinished ...>
7     <... futex resumed>)              = 0
8     <... futex resumed>)              = 1
8     futex(0x7f52ae84f000, FUTEX_WAKE, 1) = 0
7     recvfrom(5,  <unfinished ...>
8     sendto(6, "hello", 5, MSG_NOSIGNAL, NULL, 0) = 5
7     <... recvfrom resumed>"hello", 64, 0, NULL, NULL) = 5
8     +++ killed by SIGKILL +++
6     waitid(P_PIDFD, 9, {si_pid=8, si_status=SIGKILL}, WEXITED, NULL) = 0
""".splitlines()


class TraceTest(unittest.TestCase):
    """What an excerpt may leave open, and what it may not."""

    def missing(self, *shown: str) -> list[str]:
        """Returns what the trace does not have."""
        return trace.missing(shown, TRACED, ["Main: PASS"])

    def assert_missing(self, *shown: str) -> None:
        """The last line is what the trace does not have."""
        self.assertEqual(len(self.missing(*shown)), 1, shown)
        self.assertEqual(self.missing(*shown[:-1]), [], shown)

    def test_calls_of_one_process_are_found_in_their_order(self) -> None:
        """With others between them."""
        lines = (
            '[pid 12] sendto(6, "hello", 5, ...) = 5',
            "[pid 12] +++ killed by SIGKILL +++",
        )
        self.assertEqual(self.missing(*lines), [])
        self.assert_missing(lines[1], lines[0])

    def test_one_label_is_one_process_and_two_are_two(self) -> None:
        """A number or a name; and lines without one are of one process."""
        wait = "futex(..., FUTEX_WAIT, 0, NULL) = 0"
        wake = "futex(..., FUTEX_WAKE, 1) = 1"
        self.assertEqual(self.missing("[reader] " + wait, "[w] " + wake), [])
        self.assert_missing("[reader] " + wait, "[reader] " + wake)
        self.assert_missing(wait, wake)
        again = "futex(..., FUTEX_WAKE, 1) = 0"
        self.assertEqual(self.missing("[a] " + wake, "[a] " + again), [])
        self.assert_missing("[a] " + wake, "[b] " + again)

    def test_another_call_flag_or_result_is_missing(self) -> None:
        """A result is no more open than the rest."""
        self.assert_missing("[w] sendto(6, ..., 5, 0, NULL, 0) = 5")
        self.assert_missing("[w] sendto(6, ...) = 4")
        self.assert_missing("[w] sendto(6, ...) = -1 EPIPE (Broken pipe)")
        self.assert_missing("[w] write(6, ...) = 5")

    def test_two_halves_are_one_call(self) -> None:
        """In the trace, and in the excerpt."""
        self.assertEqual(
            self.missing('[r] recvfrom(5, "hello", 64, 0, NULL, NULL) = 5'), []
        )
        halves = (
            "[r] futex(0x7f0000000000, FUTEX_WAIT, ... <unfinished ...>",
            "[w] futex(0x7f0000000000, FUTEX_WAKE, 1) = 1",
            "[r] <... futex resumed>)   = 0",
        )
        self.assertEqual(self.missing(*halves), [])
        received = '[r] <... recvfrom resumed>"hello", 64, 0, NULL, NULL) = 5'
        self.assertEqual(
            self.missing("[r] recvfrom(5, <unfinished ...>", received), []
        )
        wrong = halves[2].replace("= 0", "= -1 EAGAIN")
        self.assertNotEqual(self.missing(*halves[:2], wrong), [])

    def test_what_is_shown_again_is_the_same(self) -> None:
        """Addresses, descriptors, numbers of labels, and words in brackets."""
        wait = "[r] futex(0x7f0000000000, FUTEX_WAIT, 0, NULL) = 0"
        self.assert_missing(wait, "[w] futex(0x7f0000000000, ..., 1) = 0")
        self.assertEqual(
            self.missing(wait, "[w] futex(0x7f0000001000, ..., 1) = 0"), []
        )
        self.assertEqual(
            self.missing(
                "[w] +++ killed by SIGKILL +++", "waitid(P_PIDFD, 3, ..."
            ),
            [],
        )
        killed = "[pid 4711] +++ killed by SIGKILL +++"
        self.assertEqual(
            self.missing(killed, "waitid(P_PIDFD, 3, {si_pid=4711, ...) = 0"),
            [],
        )
        self.assert_missing(killed, "waitid(P_PIDFD, 3, {si_pid=4712, ...) = 0")
        pair = "socketpair(AF_UNIX, SOCK_STREAM, 0, [<ours>, <theirs>]) = 0"
        self.assertEqual(
            self.missing(pair, "[w] sendto(<theirs>, ...) = 5"), []
        )
        self.assert_missing(pair, "[w] sendto(<ours>, ...) = 5")
        self.assert_missing("[r] recvfrom(3, ...) = 5", "[r] futex(3, ...) = 0")

    def test_comments_dots_and_what_is_said(self) -> None:
        """What is said must be said."""
        self.assertEqual(
            self.missing("[w] sendto(6, ...) = 5  # A greeting.", "...", ""), []
        )
        self.assertEqual(self.missing("Main: PASS"), [])
        self.assert_missing("Main: FAIL")


if __name__ == "__main__":
    unittest.main()

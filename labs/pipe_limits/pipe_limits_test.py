"""Proves what the chapter on the limits of pipes promises."""

import mmap
import re

from harness import lab

_HOLDS = r"In writes of (\d+): a pipe holds (\d+) bytes, a socket pair (\d+)"
_FULL = "The buffer is full, so I have to wait"
_IN_VAIN = "Stuck for a second: both sides send, neither receives"


def _holds(run: lab.Run) -> list[tuple[int, ...]]:
    """Returns what act 1 counted: write, pipe and socket pair, in bytes."""
    return [
        tuple(int(number) for number in match.groups())
        for line in run.lines
        if (match := re.fullmatch(_HOLDS, line.text))
    ]


class PipeLimitsTest(lab.LabTest):
    """Buffers that are full, and processes that wait for one another."""

    known_numbers = {
        "212,992": "net.core.wmem_max, as Linux sets it",
        "35,520": "64 bytes with their header, in twice 212,992",
        "208,896": "4,096 bytes with their header, in twice 212,992",
        "524,288": "what a Connection asks for; see connection.cc",
        "87,424": "64 bytes with their header, in twice 524,288",
        "512,000": "4,096 bytes with their header, in twice 524,288",
        "64,000": "16 pages, and 40 writes of 100 fit into each",
        "32,784": "16 pages, and one write of 2,049 fits into each",
    }
    raw = True
    wrong = {
        "both_receive": lab.Caught(
            by="hang", saying=r"Left waits in (read|poll).*Right"
        ),
        "both_send": lab.Caught(
            by="hang", saying=r"Left waits in (write|poll).*Right"
        ),
        "kept_copy": lab.Caught(
            by="hang", saying=r"Sender waits in (write|poll).*Main"
        ),
        "ignored_result": lab.Caught(
            by="output", saying="said to be sent differs from what was received"
        ),
        "raw_short_write": lab.Caught(
            by="output", saying="said to be sent differs from what was received"
        ),
    }

    def check(self, run: lab.Run) -> None:
        """What is said to be sent is got, and nothing else."""
        sent = self.captures(run, r": Sent (\d+) bytes")
        got = self.captures(run, r": Got (\d+) bytes")
        self.assertEqual(
            sorted(sent),
            sorted(got),
            "said to be sent differs from what was received",
        )

    def story(self, run: lab.Run) -> object:
        """Leaves out act 4, which raw.cc does not play."""
        told: dict[str, list[str]] = {}
        for line in run.lines:
            if line.raw.startswith("Main: Act 4"):
                break
            told.setdefault(line.speaker, []).append(line.text)
        told["Main"] = [line for line in told["Main"] if line != "PASS"]
        return told

    def test_the_acts_are_always_the_same(self) -> None:
        """Who waits in which act does not depend on the schedule."""
        run = self.run_lab()
        size = int(self.capture(run, r"Left: Sending (\d+) bytes"))
        sending, sent = f"Sending {size} bytes", f"Sent {size} bytes"
        got = f"Got {size} bytes"
        self.assert_said(
            run,
            "Left",
            [
                *(sending, _FULL, sent),
                *(sending, _FULL, _IN_VAIN),
                *(sending, sent, got),
            ],
        )
        self.assert_said(
            run,
            "Right",
            [got, *(sending, _FULL, _IN_VAIN), *(got, sending, sent)],
        )
        self.assertEqual(size, 4 * _holds(run)[1][2])

    def test_a_full_buffer_makes_the_sender_wait(self) -> None:
        """Nothing is received before it is full, and then all is sent."""
        run = self.run_lab()
        self.assert_before(run, f"Left: {_FULL}", r"Right: Got \d+ bytes")
        self.assert_before(run, f"Left: {_FULL}", r"Left: Sent \d+ bytes")

    def test_two_sides_that_both_send_wait_in_vain(self) -> None:
        """As long as they say, with both buffers full."""
        run = self.run_lab("--pace=1")
        act = [line.raw for line in run.lines]
        act = act[act.index("Main: Act 3: both send before they receive") :]
        full = [i for i, line in enumerate(act) if line.endswith(_FULL)]
        gave_up = [i for i, line in enumerate(act) if line.endswith(_IN_VAIN)]
        self.assertEqual([len(full), len(gave_up)], [2, 2], run.transcript())
        self.assertLess(max(full), min(gave_up))
        self.assert_takes(run, f"Right: {_FULL}", f"Right: {_IN_VAIN}", 1)

    def test_what_fits_needs_no_receiver(self) -> None:
        """Both may send first then, and neither waits."""
        run = self.run_lab("--times=0.25")
        self.check(run)
        self.assert_never(run, "is full|Stuck")
        self.assert_count(run, r"(Left|Right): Sent \d+ bytes", 5)

    def test_small_writes_fill_a_socket_pair_sooner_but_not_a_pipe(
        self,
    ) -> None:
        """In a socket, each write is a packet of its own with a header."""
        small, page = _holds(self.run_lab("--write-bytes=64"))
        self.assertEqual((small[0], page[0]), (64, 4096))
        self.assertEqual(small[1], page[1])
        self.assertLess(2 * small[2], page[2])

    def test_a_pipe_puts_writes_together_only_within_a_page(self) -> None:
        """What does not fit into the rest of a page begins another one."""
        for size in (1, 100, 1000, 2049, 3000):
            holds = _holds(self.run_lab(f"--write-bytes={size}"))
            self.assertEqual(len(holds), 2)
            pages = holds[1][1] // mmap.PAGESIZE
            each = mmap.PAGESIZE // size * size
            self.assertEqual(holds[0][1], pages * each, f"in writes of {size}")


if __name__ == "__main__":
    lab.main()

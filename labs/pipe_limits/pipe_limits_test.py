"""Proves what the chapter on the limits of pipes promises."""

import mmap
import re

from harness import lab

_HOLDS = r"In writes of (\d+): a pipe holds (\d+) bytes, a socket pair (\d+)"


class PipeLimitsTest(lab.LabTest):
    """Buffers that are full, and processes that wait for one another."""

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
            by="output", saying="said to be sent, and what was got"
        ),
    }

    def check(self, run: lab.Run) -> None:
        """What is said to be sent is got, and nothing else."""
        sent = self.captures(run, r": Sent (\d+) bytes")
        got = self.captures(run, r": Got (\d+) bytes")
        self.assertEqual(
            sorted(sent), sorted(got), "said to be sent, and what was got"
        )

    def _acts(self, run: lab.Run) -> list[list[str]]:
        acts: list[list[str]] = []
        for line in run.lines:
            if line.raw.startswith("Main: Act "):
                acts.append([])
            acts[-1].append(line.raw)
        return acts

    def test_each_trouble_is_followed_by_its_cure(self) -> None:
        """Three acts in which nobody can go on, and each has a next one."""
        acts = self._acts(self.run_lab())
        self.assertEqual(len(acts), 9)
        stuck = [
            i
            for i, act in enumerate(acts, 1)
            if any("nobody can go on" in line for line in act)
        ]
        self.assertEqual(stuck, [3, 5, 7])
        for i in (4, 6, 8):
            self.assertIn("cured", acts[i - 1][0])
        for i, waiting in ((3, "LR"), (5, "LR"), (7, "R")):
            text = acts[i - 1][-1]
            self.assertEqual("Left waits" in text, "L" in waiting, text)
            self.assertIn("Right waits", text)

    def test_a_full_buffer_makes_the_sender_wait(self) -> None:
        """It waits although nothing is wrong, and goes on when it is read."""
        run = self.run_lab()
        act = self._acts(run)[1]
        waits = [i for i, line in enumerate(act) if "has to wait" in line]
        got = [i for i, line in enumerate(act) if "Right: Got" in line]
        sent = [i for i, line in enumerate(act) if "Left: Sent" in line]
        self.assertEqual([len(waits), len(got), len(sent)], [1, 1, 1], act)
        self.assertLess(waits[0], got[0])
        self.assertLess(waits[0], sent[0])

    def test_a_socket_pair_holds_less_of_small_writes_a_pipe_does_not(
        self,
    ) -> None:
        """Each write is a packet of its own with a head, in a socket."""
        run = self.run_lab("--write-bytes=64")
        small, page = (
            match.groups()
            for line in run.lines
            if (match := re.fullmatch(_HOLDS, line.text))
        )
        self.assertEqual((small[0], page[0]), ("64", "4096"))
        self.assertEqual(small[1], page[1])
        self.assertLess(2 * int(small[2]), int(page[2]))

    def test_a_pipe_puts_writes_together_only_within_a_page(self) -> None:
        """What does not fit into the rest of a page begins another one."""
        for size in (1, 100, 1000, 2049, 3000):
            run = self.run_lab(f"--write-bytes={size}")
            holds = [
                int(match[2])
                for line in run.lines
                if (match := re.fullmatch(_HOLDS, line.text))
            ]
            self.assertEqual(len(holds), 2, run.transcript())
            pages = holds[1] // mmap.PAGESIZE
            each = mmap.PAGESIZE // size * size
            self.assertEqual(holds[0], pages * each, f"in writes of {size}")

    def test_end_of_file_and_its_opposite_are_told(self) -> None:
        """To who receives, and to who sends."""
        acts = self._acts(self.run_lab())
        self.assertNotIn("Right: End of file", acts[6])
        self.assertIn("Right: End of file", acts[7])
        self.assertIn("Left: Not sent: nobody is left to receive it", acts[8])


if __name__ == "__main__":
    lab.main()

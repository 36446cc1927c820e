"""Proves what the chapter on batching promises."""

import re

from harness import lab

LENGTH_BYTES = 4  # Of a message of a Connection.
NUMBER_BYTES = 8
SPREAD = r"[\d.]+ \([\d.]+ to [\d.]+\)"


class BatchingTest(lab.LabTest):
    """The same numbers in many messages, and in few."""

    known_numbers = {
        "20,000": "two reads for each of 10,000 messages; see check",
        "200": "two reads for each of 100 messages; see check",
        "800": "100 numbers of 8 bytes",
    }
    wrong = {
        "rest_forgotten": lab.Caught(
            by="output", saying=r"3 numbers of 5 have arrived"
        ),
        "question_in_batch": lab.Caught(
            by="hang", saying=r"Sender waits .*(?s:.*)Receiver waits "
        ),
    }

    # The age of a batch is that of its oldest number.
    explored = (lab.Explored({"gone in time": 2}),)

    def check(self, run: lab.Run) -> None:
        """Each number arrives, in order, and after it was added."""
        added = self.captures(run, r"Sender: Added (\d+)")
        got = " ".join(self.captures(run, "Receiver: Got (.*)")).split()
        self.assertEqual(
            added, got, f"{len(got)} numbers of {len(added)} have arrived"
        )
        for number in added:
            self.assert_before(
                run,
                f"Sender: Added {number}",
                rf"Receiver: Got (.* )?{number}( .*)?",
            )

    def counted(self, run: lab.Run, what: str) -> list[int]:
        """Returns messages, bytes, writes, reads and the sum of a channel."""
        words = self.capture(run, rf"Main: {what} to a message: (.*)")
        return [int(word) for word in re.findall(r"\d+", words)]

    def test_a_batch_goes_when_it_is_full_old_or_the_last(self) -> None:
        """In this order, because of the order in which the numbers come."""
        run = self.run_lab()
        self.assert_said(
            run,
            "Sender",
            [
                *(f"Added {number}" for number in range(3)),
                "Batch of 3 goes: it is full",
                "Added 3",
                "Batch of 1 goes: its oldest number has waited long enough",
                "Added 4",
                "Batch of 1 goes: it is the last",
            ],
        )
        self.assert_said(run, "Receiver", ["Got 0 1 2", "Got 3", "Got 4"])

    def test_fewer_messages_carry_the_same_sum(self) -> None:
        """Also if the last batch is not full; counted by the kernel."""
        run = self.run_lab("--numbers=1001", "--batch=100", "--rounds=1")
        for size, messages in ((1, 1001), (100, 11)):
            for name in ("Connection", "Queue"):
                found, bytes_, writes, reads, total = self.counted(
                    run, f"{name}, {size}"
                )
                self.assertEqual(found, messages)
                self.assertEqual(total, 1001 * 1000 // 2)
                if name == "Queue":  # Its bytes do not go through the kernel.
                    self.assertEqual([bytes_, writes, reads], [0, 0, 0])
                    continue
                self.assertEqual(
                    bytes_, messages * LENGTH_BYTES + 1001 * NUMBER_BYTES
                )
                self.assertGreaterEqual(writes, messages)
                self.assertGreaterEqual(reads, 2 * messages)

    def test_times_are_shown_with_their_spread(self) -> None:
        """Whatever they are."""
        run = self.run_lab("--numbers=100", "--rounds=3")
        for name in ("Connection", "Queue"):
            line = rf"Main: {name}: batches are {SPREAD} times as fast"
            self.assert_count(run, line, 1)


if __name__ == "__main__":
    lab.main()

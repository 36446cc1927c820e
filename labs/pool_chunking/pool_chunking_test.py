"""Proves what the chapter on pools and chunks promises."""

import math
import pathlib
from xml.etree import ElementTree

from harness import lab

SIZES = (10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000)
# Of ten million terms, correctly rounded.
SUM_OF_ALL = 325744756438.7384
TOLERANCE = 1e-12


def sum_of(count: int) -> float:
    """Returns the sum that is asked for, of that many numbers."""
    if count == 10_000_000:
        return SUM_OF_ALL
    return math.fsum(
        math.sqrt(x) * math.log(x + 1) for x in range(1, count + 1)
    )


class PoolChunkingTest(lab.LabTest):
    """Sums by chunks; never their speed, which is shown and not judged."""

    wrong = {
        "lost_remainder": lab.Caught(
            by="output", saying=r"chunks of 1000 leave out 500 numbers"
        ),
        "shared_total": lab.Caught(
            by="output", saying=r"chunks of 5000: the sum is \S+, not "
        ),
    }

    # How many numbers each program sums.
    numbers = {"wrong_lost_remainder": 10_500, "wrong_shared_total": 10_000}

    def check(self, run: lab.Run) -> None:
        """The sum of each chunk size is the sum of all numbers."""
        name = pathlib.Path(run.command[0]).name
        count = self.numbers.get(name, 10_000_000)
        for flag in run.command[1:]:
            if flag.startswith("--numbers="):
                count = int(flag.partition("=")[2])
        expected = sum_of(count)
        lines = self.captures(run, r"Main: Chunk size: (.*)")
        self.assertTrue(lines, "no sum was printed")
        for line in lines:
            size_text, chunks_text, sum_text = line.split(", ")
            size, chunks = int(size_text), int(chunks_text.split()[1])
            left_out = count - size * chunks
            if left_out > 0:
                self.fail(f"chunks of {size} leave out {left_out} numbers")
            found = float(sum_text.split()[1])
            # The line has four places after the point.
            if abs(found - expected) > TOLERANCE * expected + 5e-5:
                self.fail(
                    f"chunks of {size}: the sum is {found}, not {expected}"
                )

    def test_serial_comes_first_and_every_size_follows(self) -> None:
        """The baseline, the six sizes of the guide, and each number once."""
        run = self.run_lab("--rounds=1")
        first = run.lines[0].raw
        self.assertRegex(
            first, r"^Main: Serial: 10000000 numbers, sum 325744756438\.7"
        )
        self.assertEqual(
            self.captures(run, r"Chunk size: (\d+), Chunks: \d+"),
            [str(size) for size in SIZES],
        )
        self.assertEqual(
            self.captures(run, r"Chunk size: \d+, Chunks: (\d+)"),
            [str(10_000_000 // size) for size in SIZES],
        )
        self.assert_count(
            run,
            "Main: Summed exactly once in each of 6 rounds: "
            "10000000 of 10000000 numbers",
            1,
        )
        self.assert_before(
            run, r"Main: Serial: \S+ m?s .*", "Main: Best in this run.*"
        )
        self.assert_count(run, r"Main: +\d+ #+ +[\d.]+ m?s .*", 6)

    def test_a_number_that_no_size_divides(self) -> None:
        """The last chunk is smaller, or the only one is."""
        for count in (1, 9_999, 123_457):
            self.check(self.run_lab(f"--numbers={count}", "--rounds=1"))

    def test_more_workers_than_chunks_and_only_one(self) -> None:
        """The sum does not depend on which worker sums."""
        for workers in (1, 5):
            run = self.run_lab(
                f"--workers={workers}", "--numbers=100003", "--rounds=1"
            )
            self.check(run)

    def test_the_picture_has_axes_units_and_all_points(self) -> None:
        """It is well-formed, and replaces what was there."""
        with self.scratch() as folder:
            file = folder / "curve.svg"
            file.write_text("the last one", encoding="utf-8")
            self.run_lab(f"--svg={file}", "--rounds=2", "--numbers=1000000")
            picture = ElementTree.parse(file).getroot()
        space = "{http://www.w3.org/2000/svg}"
        texts = [text.text for text in picture.iter(f"{space}text")]
        self.assertEqual(len(list(picture.iter(f"{space}circle"))), 6)
        self.assertIn("numbers in a chunk", texts)
        self.assertIn("serial", texts)
        for size in SIZES:
            self.assertIn(str(size), texts)
        self.assertTrue([t for t in texts if t and t.endswith(" ms")])

    def test_a_file_that_cannot_be_written_is_an_error(self) -> None:
        """And not a missing picture."""
        run = self.run_program(
            self.program(), "--svg=/no/such/folder", "--rounds=1"
        )
        self.assertEqual(run.status, 1)
        self.assertRegex(run.lines[-1].raw, "Main: FAIL .*No such file")


if __name__ == "__main__":
    lab.main()

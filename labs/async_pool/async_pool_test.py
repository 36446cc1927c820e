"""Proves what the chapter on coroutines and pools promises."""

from harness import lab

BATCH = r"^Main: Batch (\d+: [\d ]+)$"
DIED = "its worker died: killed by SIGKILL"


class AsyncPoolTest(lab.LabTest):
    """Order, deaths and cancelling; and that the loop is never blocked."""

    compared_numbers = {
        "each batch waits {} s": lab.Source("worker.cc", "kItemS = {};"),
        "each of the {} items of a batch": lab.Source(
            "main.cc", "int batch_items = {};"
        ),
        "so the batch takes {} s instead": lab.Source(
            "worker.cc", "kItemS = {};"
        ),
    }
    wrong = {
        "blocking_get": lab.Caught(
            by="hang",
            saying=r"Main waits in poll(.|\n)*Worker 1 waits for Event",
        ),
        "order_of_arrival": lab.Caught(
            by="output", saying=r"batch 0 has the items \[2\], not \[0\]"
        ),
    }

    def check(self, run: lab.Run) -> None:
        """Each batch that came has its own items, doubled, and all of them."""
        lines = [line.split(": ") for line in self.captures(run, BATCH)]
        self.assertTrue(lines, "no batch came")
        size = len(lines[0][1].split())
        for number, items in lines:
            first = int(number) * size
            found = [int(item) for item in items.split()]
            right = [2 * i for i in range(first, first + len(found))]
            self.assertEqual(
                found,
                right,
                f"batch {number} has the items {found}, not {right}",
            )

    def acts(self, run: lab.Run) -> list[list[str]]:
        """Returns what Main says in each act, without its title."""
        acts: list[list[str]] = []
        for text in run.said("Main"):
            if text.startswith("Act "):
                acts.append([])
            elif acts:
                acts[-1].append(text)
        return acts

    def test_the_loop_turns_while_all_workers_are_held_up(self) -> None:
        """The gate is opened by the loop, and then all items come in order."""
        run = self.run_lab()
        first = self.acts(run)[0]
        self.assertEqual(first[0], "Main has time to open the gate")
        items = [
            int(item)
            for text in first[1:11]
            for item in text.split(": ")[1].split()
        ]
        self.assertEqual(items, list(range(0, 200, 2)))
        self.assertEqual(
            first[11],
            "Processed 100 of 100 items using a process pool and Asio",
        )

    def test_a_death_costs_one_batch_or_none_if_it_may_be_done_again(
        self,
    ) -> None:
        """Batch 0 has a retry, batch 9 has none; the others lose nothing."""
        run = self.run_lab()
        second = self.acts(run)[1]
        self.assertEqual(
            [text for text in second if DIED in text], [f"Batch 9: {DIED}"]
        )
        self.assertEqual(second[0], "Batch 0: 0 2 4 6 8 10 12 14 16 18")
        self.assertEqual(
            second[-3:],
            [
                "Processed 90 of 100 items using a process pool and Asio",
                "A worker was killed in batch 0",
                "A worker was killed in batch 9",
            ],
        )

    def test_what_is_cancelled_is_never_begun(self) -> None:
        """Two workers hold two batches; the other eight end at once."""
        run = self.run_lab()
        third = self.acts(run)[2]
        self.assertEqual(
            [text for text in third if text.endswith("cancelled")],
            [f"Batch {i}: cancelled" for i in range(2, 10)],
        )
        self.assertEqual(third[-2], "Begun: 2 of 10 batches")

    def test_batches_of_other_sizes(self) -> None:
        """One batch alone, one item each, and a last one that is smaller."""
        for flags in (
            ("--items=7", "--batch=100"),
            ("--items=30", "--batch=1"),
            ("--items=25", "--batch=10"),
        ):
            run = self.run_lab(*flags)
            self.check(run)
            count = flags[0].partition("=")[2]
            self.assertIn(
                f"Processed {count} of {count} items using a process pool "
                "and Asio",
                self.acts(run)[0],
            )

    def test_the_items_of_a_batch_wait_together(self) -> None:
        """They take 0.1 s each; one after the other it would be 27 s."""
        run = self.run_lab("--pace=1")
        self.assertLess(run.duration_s, 20)


if __name__ == "__main__":
    lab.main()

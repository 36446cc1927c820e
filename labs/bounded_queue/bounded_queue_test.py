"""Proves what the chapter on the bounded queue promises."""

from harness import lab


class BoundedQueueTest(lab.LabTest):
    """Full, empty, closed, and which process waits for the other."""

    wrong = {
        "ignored_result": lab.Caught(by="output", saying="Item 3"),
        "check_then_put": lab.Caught(
            by="hang", saying=r"Producer \d waits for room in Queue 'items'"
        ),
        "one_word_for_no": lab.Caught(by="output", saying="Item 0"),
    }

    explored = tuple(
        lab.Explored(outcomes, variant=variant, request={"reduce": reduce})
        for reduce in (False, True)
        for variant, outcomes in (
            ("", {"got Item 0, Item 1, Item 2": 96}),
            (
                "check_then_put",
                {
                    "deadlock: Producer 0 waits for Queue 'items'": 2,
                    "deadlock: Producer 1 waits for Queue 'items'": 2,
                    "one has put, one has seen that it is full": 2,
                },
            ),
            (
                "ignored_result",
                {"0 of 2 items lost": 2, "1 of 2 items lost": 4},
            ),
            (
                "one_word_for_no",
                {"0 left in the queue": 1, "1 left in the queue": 1},
            ),
        )
    )

    def check(self, run: lab.Run) -> None:
        """What was added is got, in the same order, and nothing else."""
        added = self.captures(run, r"Added (Item \d+)")
        got = self.captures(run, r"Got: (Item \d+)")
        self.assertEqual(got, added, "what was got is not what was added")

    def _act(self, run: lab.Run, number: int) -> list[str]:
        lines = [line.raw for line in run.lines]
        begins = next(
            i for i, line in enumerate(lines) if line.startswith("Main: Act 2")
        )
        return lines[:begins] if number == 1 else lines[begins:]

    def test_the_fourth_item_is_refused_and_each_refusal_says_why(self) -> None:
        """Act 1, which one process plays: always the same lines."""
        self.assertEqual(
            self._act(self.run_lab(), 1),
            [
                "Main: Act 1: nothing is taken, so the queue fills up",
                "Main: Queue empty: true, full: false, size: 0",
                "Main: Adding items until queue is full...",
                "Main: Added Item 0",
                "Main: Added Item 1",
                "Main: Added Item 2",
                "Main: Couldn't add Item 3, queue is full",
                "Main: Not waiting: queue is full",
                "Main: Queue empty: false, full: true, size: 3",
                "Main: Getting items...",
                "Main: Got: Item 0",
                "Main: Got: Item 1",
                "Main: Got: Item 2",
                "Main: Not waiting: queue is empty",
                "Main: Queue empty: true, full: false, size: 0",
            ],
        )

    def test_a_timed_put_and_get_wait_as_long_as_they_are_told(self) -> None:
        """The refusals of act 1 come 0.1 s after the line before."""
        run = self.run_lab("--pace=2", "--items=0")
        # By the clock of the process itself: its lines may be read late.
        said = [event for event in run.events if event.kind == "say"]
        texts = [event.object for event in said]
        for refused in (
            "Couldn't add Item 3, queue is full",
            "Not waiting: queue is empty",
        ):
            place = texts.index(refused)
            waited_ns = said[place].t_ns - said[place - 1].t_ns
            self.assertGreaterEqual(waited_ns, 200_000_000, refused)

    def test_the_producer_is_never_further_ahead_than_the_queue_has_room(
        self,
    ) -> None:
        """Act 2: an item is added only when another one is asked for."""
        for room in (1, 3):
            run = self.run_lab(f"--max-items={room}", "--items=9")
            ready, added = 0, 0
            for line in self._act(run, 2):
                ready += line == "Consumer: Ready for the next item"
                added += line.startswith("Producer: Added")
                self.assertLessEqual(added, ready + room, run.transcript())
            self.assertEqual(added, 9)

    def test_a_closed_queue_refuses_and_is_emptied(self) -> None:
        """Act 2: nothing that was accepted is lost by closing."""
        run = self.run_lab("--items=9")
        self.assert_count(run, "Main: Too late to add: queue is closed", 1)
        self.assert_count(run, r"Consumer: Got: Item \d", 9)
        self.assertEqual(
            run.said("Consumer")[-1],
            "Queue is closed, and nothing is left in it",
        )


if __name__ == "__main__":
    lab.main()

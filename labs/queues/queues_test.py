"""Proves what the chapter on queues promises."""

from harness import lab


class QueuesTest(lab.LabTest):
    """Producers, a consumer, and the end of the items."""

    wrong = {
        "counted_ends": lab.Caught(
            by="hang", saying="waits for a message in Queue 'items'"
        ),
        "text_as_end": lab.Caught(by="output", saying="DONE-1 is my item"),
    }

    explored = (
        lab.Explored({"Producer 0: 0 1; Producer 1: 0": 320}),
        lab.Explored(
            {"Producer 0: 0; Producer 1: 0": 96}, scenario="one item each"
        ),
        lab.Explored(
            {"Producer 0: 0; Producer 1: 0"},
            scenario="one item each",
            request={"reduce": True},
        ),
        lab.Explored(
            {
                "deadlock: Consumer waits for Queue 'items'": 208,
                "the consumer has left": 96,
                "the consumer was killed": 276,
            },
            variant="counted_ends",
        ),
        lab.Explored(
            {"the consumer has left"},
            variant="counted_ends",
            request={"kills": 0, "reduce": True},
        ),
        lab.Explored(
            {
                "1 left in the queue": 768,
                "2 left in the queue": 336,
                "3 left in the queue": 32,
            },
            variant="text_as_end",
        ),
    )

    def check(self, run: lab.Run) -> None:
        """What a producer has added is got, in its order, and nothing else."""
        got = self.captures(run, "^Consumer: Got (.*)")
        for item in got:
            self.assert_before(
                run, rf"Producer \d+: added: {item}", f"Consumer: Got {item}"
            )
        added_by_all = []
        speakers = {line.speaker: None for line in run.lines}
        for speaker in speakers:
            added = self.captures(run, f"^{speaker}: added: (.*)")
            got_of_it = [item for item in got if item in added]
            self.assertEqual(
                added, got_of_it, f"{speaker} added the first, got the second"
            )
            added_by_all += added
        self.assertEqual(sorted(added_by_all), sorted(got))

    def test_every_producer_is_done_and_the_consumer_leaves_after_them(
        self,
    ) -> None:
        """Act 1: as many ends as producers, and each after its last item."""
        run = self.run_lab("--producers=5")
        consumer = run.said("Consumer")
        act_one = consumer[: consumer.index("All producers are done, exiting")]
        for producer in range(5):
            done = act_one.index(f"Producer {producer} is done")
            items = [
                i
                for i, text in enumerate(act_one)
                if text.startswith(f"Got Producer {producer} ")
            ]
            self.assertTrue(3 <= len(items) <= 7, act_one)
            self.assertGreater(done, items[-1])
        self.assert_never(run, "Producer 5")

    def test_a_killed_producer_is_noticed_and_its_items_are_kept(self) -> None:
        """Act 2: both items, no end, and the consumer knows that."""
        run = self.run_lab()
        self.assert_count(run, "Main: Producer 1 was killed by SIGKILL", 1)
        self.assert_count(
            run, "Consumer: Producer 1 has ended and was not done", 1
        )
        self.assert_count(run, "Consumer: Producer 1 is done", 1)  # In act 1.
        self.assert_before(
            run,
            "Main: Act 2.*",
            "Consumer: Producer 1 has ended and was not done",
        )

    def test_an_item_that_reads_like_an_end_is_an_item(self) -> None:
        """The text of an item means nothing to the consumer."""
        run = self.run_lab()
        self.assert_count(run, r"Consumer: Got DONE-1 - Item \d", 2)

    def test_the_seed_decides_how_many_items_there_are(self) -> None:
        """Two runs with one seed have the same lines in another order."""
        runs = [self.run_lab("--seed=7") for _ in range(2)]
        lines = [sorted(line.raw for line in run.lines) for run in runs]
        self.assertEqual(*lines)


if __name__ == "__main__":
    lab.main()

"""Proves what the chapter on the condition promises."""

import itertools

from harness import lab

_STOPPED = r"Consumer \d+: Told to stop: no data will come"
_GOT = r"Consumer \d+: Got item: Important data (\d+)"


class ConditionTest(lab.LabTest):
    """Every item goes to one consumer, and every consumer ends."""

    raw = True
    compared_numbers = {
        "No sleep is longer than {} s.": lab.RECHECK_S,
        "its waiters look again after {} s": lab.RECHECK_S,
        "{} in act 2, and": lab.Lines(
            r"Consumer .: Told to stop.*", ("--consumers=5", "--items=2"), act=2
        ),
        "{} in act 3, where": lab.Lines(
            r"Consumer .: Told to stop.*", ("--consumers=5", "--items=2"), act=3
        ),
    }
    wrong = {
        "if_for_while": lab.Caught(
            by="output", saying="data 0 was taken but never added"
        ),
        "list_not_shared": lab.Caught(
            by="hang",
            saying="Consumer 0 waits for Condition 'list has changed'",
        ),
        "notify_before_wait": lab.Caught(
            by="hang",
            saying="Consumer 0 waits for Condition 'list has changed'",
        ),
        "one_woken": lab.Caught(
            by="status",
            saying="no process can go on: Consumer 1 waits for the Condition, "
            "Producer waits for the Condition",
        ),
        "raw_late_ticket": lab.Caught(
            by="hang",
            saying="Consumer 0 waits for a futex .* that no process wakes",
        ),
        "raw_one_woken": lab.Caught(
            by="hang",
            saying="Consumer 1 waits for a futex .* that no process wakes",
        ),
    }

    explored = (
        *lab.Explored({"added 1, taken 1": 96}, flags=("--items=1",)).both(),
        *lab.Explored({"added 2, taken 2": 96}, flags=("--items=2",)).both(),
        *lab.Explored(
            {"broken: added 1, taken 2": 16}, variant="if_for_while"
        ).both(),
        *lab.Explored(
            {
                "deadlock: Consumer 0 waits for Condition "
                "'list has changed'": 2
            },
            variant="list_not_shared",
        ).both(),
        *lab.Explored(
            {
                "deadlock: Consumer 0 waits for Condition "
                "'list has changed'": 1,
                "the item was taken": 1,
            },
            variant="notify_before_wait",
        ).both(),
        *lab.Explored(
            {"0 woken in vain": 14, "1 woken in vain": 6}, scenario="all"
        ).both(),
        *lab.Explored(
            {"0 woken in vain": 12, "1 woken in vain": 2}, scenario="one"
        ).both(),
        *lab.Explored(
            {
                "deadlock: Consumer 0 waits for Condition 'changed'; "
                "Producer waits for Condition 'changed'": 1,
                "deadlock: Consumer 1 waits for Condition 'changed'; "
                "Producer waits for Condition 'changed'": 1,
                "both items were taken": 12,
            },
            variant="one_woken",
        ).both(),
    )

    def check(self, run: lab.Run) -> None:
        """What is taken was added, and nothing is taken twice."""
        added = self.captures(run, r"Producer: Added .*data (\d+)")
        for item in self.captures(run, _GOT):
            if item not in added:
                self.fail(f"data {item} was taken but never added")
            added.remove(item)

    def story(self, run: lab.Run) -> object:
        """Acts 1 to 3; which consumer gets which item may differ."""
        acts = [
            line
            for line in itertools.takewhile(
                lambda line: "Main: Act 4" not in line.raw, run.lines
            )
            if line.raw != "Main: PASS"
        ]
        told = ("Main", "Producer")
        return {
            "in order": [line.raw for line in acts if line.speaker in told],
            "by consumers": sorted(
                line.text for line in acts if line.speaker not in told
            ),
        }

    def _act(self, run: lab.Run, number: int) -> list[str]:
        lines = [line.raw for line in run.lines]
        starts = [i for i, line in enumerate(lines) if "Main: Act " in line]
        starts.append(len(lines))
        return lines[starts[number - 1] + 1 : starts[number]]

    def test_a_wait_ends_at_its_deadline(self) -> None:
        """Act 1: no item is added, and the consumer does not wait forever."""
        run = self.run_lab("--pace=0.3")
        self.assertEqual(
            self._act(run, 1),
            ["Consumer 0: Waiting for data", "Consumer 0: No data in time"],
        )
        # By the clock of the lab, from before the deadline is set.
        at_ns = {each.object: each.t_ns for each in run.events}
        begins = at_ns["Act 1: no item is added"]
        self.assertGreater(at_ns["No data in time"] - begins, 300_000_000)

    def test_each_consumer_gets_an_item_if_there_are_enough(self) -> None:
        """Act 2, with as many items as consumers, and with more."""
        for consumers, items in ((3, 3), (1, 2), (20, 20), (5, 100)):
            run = self.run_lab(f"--consumers={consumers}", f"--items={items}")
            self.check(run)
            act = "\n".join(self._act(run, 2))
            for i in range(consumers):
                self.assertIn(f"Consumer {i}: Got item", act)
            self.assertNotIn("Told to stop", act)

    def test_one_item_for_three_is_taken_once_and_all_end(self) -> None:
        """Act 3, where all wait before the item is added."""
        lines = self._act(self.run_lab(), 3)
        added = "Producer: Added data to the list: Important data 1"
        place = lines.index(added)
        for i in range(3):
            waiting = lines.index(f"Consumer {i}: Waiting for data")
            self.assertLess(waiting, place)
        self.assertEqual(sum("Got item" in line for line in lines), 1)
        self.assertEqual(sum("Told to stop" in line for line in lines), 2)
        self.assertIn("Main: Added 1, taken 1", lines)

    def test_waking_one_is_enough_where_all_wait_for_the_same(self) -> None:
        """Acts 4 and 5: both items are taken; in act 5 no wake is in vain."""
        run = self.run_lab()
        for act, woken in (
            (4, "4 times, 1 of them"),
            (5, "3 times, 0 of them"),
        ):
            lines = self._act(run, act)
            self.assertIn(f"Main: Woken {woken} in vain", lines)
            for line in ("Consumer 0: Took item 1", "Consumer 1: Took item 2"):
                self.assertIn(line, lines)

    def test_a_producer_killed_inside_the_lock_blocks_no_consumer(self) -> None:
        """All are told to stop, and half an item is not taken."""
        run = self.run_lab("--kill")
        self.assert_before(
            run,
            "Main: The producer has ended: killed by SIGKILL",
            "Main: The list is as it was: 0 items",
        )
        self.assert_count(run, _STOPPED, 3)
        self.assert_never(run, "Got item|Added data")


if __name__ == "__main__":
    lab.main()

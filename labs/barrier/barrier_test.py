"""Proves what the chapter on the barrier promises."""

import re

from harness import expect, lab, match

_WORKERS = ("Worker 0", "Worker 1", "Worker 2")
_BROKEN = "The barrier is broken in round 4"


def _numbers(workers: int, rounds: int) -> list[list[int]]:
    """Returns the workers' numbers after each round, from round 0."""
    rows = [list(range(1, workers + 1))]
    for _ in range(rounds):
        last = rows[-1]
        rows.append([last[i] + last[(i + 1) % workers] for i in range(workers)])
    return rows


class BarrierTest(lab.LabTest):
    """Rounds do not overlap, whichever worker is fast and whichever dies."""

    raw = True
    compared_numbers = {
        "learns of this within {} s": lab.RECHECK_S,
        "on a futex word for at most {} s": lab.RECHECK_S,
        "starts only {} below the point": lab.COUNTS_FROM,
        "breaks for the others within {} s": lab.RECHECK_S,
    }
    wrong = {
        "ignored_result": lab.Caught(
            by="output", saying="round 2 begins before Worker 1 ended round 1"
        ),
        "no_generation": lab.Caught(
            by="output", saying="round 3 begins before Worker 1 ended round 2"
        ),
        "one_party_too_many": lab.Caught(
            by="hang", saying="Worker 0 waits for Barrier 'end of round'"
        ),
        "raw_no_generation": lab.Caught(
            by="hang",
            saying="Worker 0 waits for a futex .* that no process wakes",
        ),
    }

    explored = (
        *lab.Explored({"3 rounds: 12 12": 54}, scenario="two").both(),
        *lab.Explored({"1 rounds: 3 5 4": 180}, scenario="three").both(),
        # There are too many schedules to play all of them.
        lab.Explored({"2 rounds: 8 9 7": 672}, scenario="again"),
        *lab.Explored(
            {"round 2 without worker 1": 2}, variant="ignored_result"
        ).both(),
        *lab.Explored(
            {"broken: begins round 3 before all have ended the last": 18},
            variant="no_generation",
        ).both(),
        *lab.Explored(
            {
                "deadlock: Worker 0 waits for Barrier 'end of round'; "
                "Worker 1 waits for Barrier 'end of round'": 2
            },
            variant="one_party_too_many",
        ).both(),
    )

    def check(self, run: lab.Run) -> None:
        """No worker begins a round before all have ended the previous one."""
        ended = {
            line.speaker: 0
            for line in run.lines
            if line.speaker.startswith("Worker")
        }
        for place, line in enumerate(run.lines):
            found = re.match(r"(Begins|Ends) round (\d+)", line.text)
            if not found:
                continue
            number = int(found[2])
            if found[1] == "Ends":
                ended[line.speaker] = number
                continue
            for worker, last in ended.items():
                if last < number - 1:
                    margin = match.Margin([each.raw for each in run.lines])
                    margin.bad.add(place)
                    raise expect.run_failure(
                        run,
                        f"round {number} begins before {worker} ended round "
                        f"{number - 1}",
                        margin,
                    )

    def test_each_round_uses_what_all_have_made_in_the_last(self) -> None:
        """The numbers of all rounds, for several numbers of workers."""
        for workers, rounds in ((3, 3), (5, 15), (20, 2)):
            run = self.run_lab(f"--workers={workers}", f"--rounds={rounds}")
            self.check(run)
            rows = _numbers(workers, rounds + 1)
            for worker in range(workers):
                said = run.said(f"Worker {worker}")
                for number in range(1, rounds + 1):
                    text = f"Ends round {number} with {rows[number][worker]}"
                    self.assertEqual(said.count(text), 1, text)
                last = f"Ends round {rounds + 1} with {rows[-1][worker]}"
                self.assertEqual(said[-1], last)
            for total in (rounds, rounds + 1):
                self.assert_count(
                    run, f"Main: Rounds that all have ended: {total}", 1
                )

    def test_no_worker_leaves_the_barrier_before_all_have_come(self) -> None:
        """By the events: each wake is after the end of all workers' round."""
        run = self.run_lab("--rounds=6")
        ends = dict[int, list[int]]()
        wakes = dict[int, list[int]]()
        now = dict[str, int]()
        for event in run.events:
            found = re.search(r"Ends round (\d+)", event.id + event.object)
            if event.kind == "say" and found:
                now[event.process] = int(found[1])
                ends.setdefault(int(found[1]), []).append(event.t_ns)
            elif event.kind == "wake" and event.object.startswith("Barrier@"):
                number = now[event.process]
                wakes.setdefault(number, []).append(event.t_ns)
        for number in range(1, 7):
            self.assertEqual(len(ends[number]), 3)
            # The worker that comes last need not wait.
            self.assertEqual(len(wakes[number]), 2)
            self.assertGreater(min(wakes[number]), max(ends[number]))

    def test_a_death_at_the_barrier_breaks_it_until_it_is_reset(self) -> None:
        """For workers that wait there, and for those that come later."""
        run = self.run_lab()
        killed = "Main: Worker 2 was killed by SIGKILL"
        act_3 = "Main: Act 3: .*"
        for worker in _WORKERS[:2]:
            self.assert_before(run, killed, f"{worker}: {_BROKEN}")
            self.assert_before(run, f"{worker}: {_BROKEN}", act_3)
        self.assert_before(run, f"Worker 0: {_BROKEN}", f"Worker 1: {_BROKEN}")
        self.assert_count(run, f".*: {_BROKEN}", 2)
        self.assert_before(run, act_3, "Main: Rounds that all have ended: 4")
        for worker in _WORKERS:
            self.assertEqual(run.said(worker).count("Begins round 4"), 2)


if __name__ == "__main__":
    lab.main()

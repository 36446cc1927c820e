"""Proves what the chapter on streams promises."""

import os
import re

from harness import lab

_ROOM = r"at most (\d+ were on their way, \d+) have room"
_MEMORY = r"Relay: Memory: (\d+ KiB went through, and it grew by -?\d+) KiB"
_STAGES = ("Source", "Square", "Evens", "Window", "Sink")


class StreamsTest(lab.LabTest):
    """The end, the slow sink, and the stage that is killed."""

    compared_numbers = {
        "the two queues of {} MiB each": lab.Source(
            "common/channel/queue.h", "kMaxBytes = {};", 2**-20
        ),
        "the two queues, {} MiB each": lab.Source(
            "common/channel/queue.h", "kMaxBytes = {};", 2**-20
        ),
    }
    wrong = {
        "hidden_end": lab.Caught(
            by="hang",
            saying="Sink waits for a message in Queue 'items of Relay'",
        ),
        "broken_taken_for_end": lab.Caught(
            by="output", saying="0 ends of a source, 1 of a sink"
        ),
        "no_back_pressure": lab.Caught(
            by="output", saying="2000 were on their way, 8"
        ),
    }

    def check(self, run: lab.Run) -> None:
        """A sink sees an end only if there was one; what waits has room."""
        sources = self.captures(run, r"^Source: (That was all|Sent \d+ items)")
        sinks = self.captures(run, "^Sink: End of the stream")
        if "Sink" in {line.speaker for line in run.lines}:
            self.assertEqual(
                len(sources),
                len(sinks),
                f"{len(sources)} ends of a source, {len(sinks)} of a sink",
            )
        for line in self.captures(run, _ROOM):
            most, room = map(int, re.findall(r"\d+", line))
            self.assertLessEqual(most, room, line)

    def _act(self, run: lab.Run, number: int, speaker: str) -> list[str]:
        """Returns what a speaker said in an act: Main begins each of them."""
        act, texts = 0, []
        for line in run.lines:
            act += line.raw.startswith("Main: Act ")
            if act == number and line.speaker == speaker:
                texts.append(line.text)
        return texts

    def test_the_stream_is_whole_and_ends(self) -> None:
        """Act 1, also with a last window that is not full, and with none."""
        squares = [i * i for i in range(2, 13, 2)]
        for items in (12, 10):
            run = self.run_lab(f"--items={items}", "--flow=1")
            window = [s for s in squares if s <= items * items]
            pairs = [window[i : i + 2] for i in range(0, len(window), 2)]
            self.assertEqual(
                self._act(run, 1, "Sink"),
                [
                    *(f"Got {p[0]} + {p[-1]}" for p in pairs),
                    "End of the stream",
                ],
            )
            self.assertEqual(
                self._act(run, 1, "Source"),
                [
                    *(f"Sending {i + 1}" for i in range(items)),
                    "That was all",
                ],
            )

    def test_a_slow_sink_holds_up_the_source_and_memory_stays_flat(
        self,
    ) -> None:
        """Act 2: all the room is used, and no more."""
        for room, items in ((1, 100), (3, 2000)):
            run = self.run_lab(f"--room={room}", f"--flow={items}")
            most = self.capture(run, _ROOM)
            has_room = 2 * room + 2
            self.assertEqual(most, f"{has_room} were on their way, {has_room}")
            waits = f"{has_room} items are on their way, .*"
            self.assert_count(run, f"Source: {waits}", 1)
            through, grew = map(
                int, re.findall(r"-?\d+", self.capture(run, _MEMORY))
            )
            # The address sanitizer keeps what was freed for a while.
            if items == 2000 and "ASAN_OPTIONS" not in os.environ:
                self.assertLess(grew, through / 4)

    def test_a_killed_stage_is_named_and_ends_all(self) -> None:
        """Act 3: no stage hangs, and none takes it for the end."""
        for stage in ("Source", "Square", "Window", "Sink"):
            run = self.run_lab(f"--kill={stage}", "--flow=1", "--items=0")
            self.check(run)
            broke = f"The pipeline broke at {stage}: killed by SIGKILL"
            self.assert_count(run, f"Main: {broke}", 1)
            for name in _STAGES[_STAGES.index(stage) + 1 :]:
                said = self._act(run, 3, name)
                self.assertEqual(said[-1], "failed: the stream broke off")
            if stage != "Source":
                said = self._act(run, 3, "Source")
                self.assertEqual(said[-1], "The next stage takes no more")
            if stage in ("Source", "Square"):
                # What was put before the kill arrives: four squares.
                said = self._act(run, 3, "Sink")
                self.assertEqual(said[:-1], ["Got 4 + 16"])


if __name__ == "__main__":
    lab.main()

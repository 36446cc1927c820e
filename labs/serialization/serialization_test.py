"""Proves what the chapter on serialization promises."""

import json
import struct
from collections.abc import Mapping

from harness import lab

READING_BYTES = 24
SPREAD = r"[\d.]+ \([\d.]+ to [\d.]+\)"
TIME = r"[\d.]+ \w+ \([\d.]+ to [\d.]+ \w+\)"
FORMATS = ("JSON text", "MessagePack", "Fixed layout", "Shared memory")

Readings = list[dict[str, float]]


def make_readings(count: int) -> Readings:
    """Returns what Main makes."""
    return [
        {"number": n, "seconds": n / 10, "value": n / 7} for n in range(count)
    ]


def message_pack_bytes(reading: Mapping[str, float]) -> int:
    """Returns the size of one reading with numbers in their shortest form."""
    size = 1  # A map of at most 15 items.
    for name, value in reading.items():
        size += 1 + len(name)
        if isinstance(value, int):
            size += 1 if value < 1 << 7 else 2 if value < 1 << 8 else 3
        else:
            short = struct.unpack("f", struct.pack("f", value))[0] == value
            size += 5 if short else 9
    return size


class SerializationTest(lab.LabTest):
    """The same readings as text, as bytes, and as they lie there."""

    wrong = {
        "buffer_reused": lab.Caught(
            by="outcome", saying="sum 8 .*not declared"
        ),
        "byte_order": lab.Caught(
            by="outcome", saying="sum 504403158265495552 was reached"
        ),
        "six_digits": lab.Caught(
            by="outcome", saying="sum 2.3333333333333335 was declared but never"
        ),
    }

    def check(self, run: lab.Run) -> None:
        """What is sent, the receiver sums up: to the last digit."""
        sent = self.captures(
            run, r"^(?:Main|Sender): (.*: sum \S+), \d+ readings in"
        )
        received = self.captures(run, r"^Receiver: (.*: sum \S+)$")
        self.assert_outcomes(received, sent)
        self.assertEqual(received, sent)

    def sizes(self, run: lab.Run) -> dict[str, int]:
        """Returns the bytes of a message in each format."""
        return {
            name: int(
                self.capture(
                    run, rf"^Main: {name}: sum \S+, \d+ readings in (\d+) bytes"
                )
            )
            for name in FORMATS
        }

    def test_the_sum_is_the_same_in_every_format(self) -> None:
        """And the one that Python finds."""
        run = self.run_lab("--readings=1000", "--messages=1", "--rounds=1")
        total = 0.0
        for reading in make_readings(1000):
            total += reading["value"]  # sum() would round differently.
        for name in FORMATS:
            self.assert_count(run, f"Receiver: {name}: sum {total}", 1)

    def test_messages_are_as_long_as_their_format_says(self) -> None:
        """Computed here from the format alone."""
        readings = make_readings(300)
        run = self.run_lab("--readings=300", "--messages=1", "--rounds=1")
        text = json.dumps(readings, separators=(",", ":"))
        header_bytes = 3  # Of a list of 16 to 65,535 items.
        self.assertEqual(
            self.sizes(run),
            {
                "JSON text": len(text),
                "MessagePack": header_bytes
                + sum(message_pack_bytes(reading) for reading in readings),
                "Fixed layout": len(readings) * READING_BYTES,
                "Shared memory": len("ready"),
            },
        )

    def test_one_reading_is_shown_in_each_format(self) -> None:
        """The text is JSON, and the fixed layout is the memory."""
        run = self.run_lab("--messages=1", "--rounds=1")
        text = self.capture(run, r"^Main: JSON text: (\[.*\])$")
        (reading,) = json.loads(text)
        self.assertEqual(reading, make_readings(9)[8])
        shown = self.capture(run, r"^Main: Fixed layout: ((?:\w\w ?)+)$")
        self.assertEqual(
            bytes.fromhex(shown), struct.pack("=qdd", *reading.values())
        )

    def test_times_are_shown_with_their_spread(self) -> None:
        """Whatever they are."""
        run = self.run_lab("--readings=10", "--many=100", "--rounds=3")
        times = rf"{TIME} a message, {SPREAD} times as fast"
        for name, count in zip(FORMATS, (1, 1, 2, 2)):
            self.assert_count(run, f"Main: {name}: {times}", count)


if __name__ == "__main__":
    lab.main()

"""Proves what the chapter on managed types promises."""

from harness import lab

_TYPES = {
    "dict": r'{"Worker 0":"was here","Worker 1":"was here","visits":2}',
    "list": '["a","b","a","b"]',
    "Namespace": '{"answer":42,"question":21}',
    "Lock": "6",
    "RLock": "6",
    "Semaphore": "3 permits passed on",
    "BoundedSemaphore": "at most 1 inside",
    "Condition": "0 items left",
    "Event": "set",
    "Queue": "items of sum 6",
    "Value": "6",
    "Array": "[2,4,6]",
}


class ManagedTypesTest(lab.LabTest):
    """Twelve types, and one inside of another."""

    compared_numbers = {
        "there are {} before": lab.Source(
            "tries.toml", "Main: Before: {} objects"
        ),
    }
    wrong = {
        "changed_copy": lab.Caught(
            by="outcome", saying="outcome 0 was reached but not declared"
        ),
        "put_back": lab.Caught(
            by="outcome", saying="outcome 1 was reached but not declared"
        ),
    }

    def check(self, run: lab.Run) -> None:
        """Both workers are in the room if its list is managed."""
        members = self.captures(run, r"The list is managed: members (\d+)")
        self.assert_outcomes(members, ["2"])

    def test_each_type_is_used_by_two_processes(self) -> None:
        """The table has all twelve, and what came of both processes."""
        run = self.run_lab()
        self.check(run)
        table = {
            cells[0].strip(): (cells[1].strip(), cells[2].strip())
            for line in run.lines
            if len(cells := line.text.split("|")) == 3
        }
        expected = {
            name: ("2 processes", result) for name, result in _TYPES.items()
        }
        self.assertEqual(table, expected)

    def test_a_nested_list_is_a_copy_unless_it_is_managed(self) -> None:
        """In an order in which the two meet, so on every run."""
        run = self.run_lab()
        for what, members in (
            ("A copy is changed", 0),
            ("A copy is changed and put back", 1),
            ("The list is managed", 2),
        ):
            self.assert_count(run, f"Main: {what}: members {members}", 1)


if __name__ == "__main__":
    lab.main()

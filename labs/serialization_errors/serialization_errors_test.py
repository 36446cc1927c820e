"""Proves what the chapter on errors of serialization promises."""

from harness import lab

WHOLE = "parcel 7, 0.5 kg, "
NEWER = "refused: version 2, and 1 is the newest I know"


class SerializationErrorsTest(lab.LabTest):
    """What cannot be sent as it is, and who notices."""

    wrong = {
        "memory_as_message": lab.Caught(
            by="output",
            saying="version 2, for a reader of version 1, must be refused, not "
            "'parcel 7, .* kg",
        ),
        "number_of_descriptor": lab.Caught(
            by="output",
            saying="Receiver: A descriptor that came: 'diary'.* must never",
        ),
        "pointer_sent": lab.Caught(
            by="output", saying="The receiver ended: killed by SIGSEGV"
        ),
    }

    def check(self, run: lab.Run) -> None:
        """No process reads what it does not understand, or was not sent."""
        self.assert_never(run, "Main: The receiver ended: .*")
        self.assert_never(run, "Receiver: A descriptor that came: 'diary'")
        for found in self.captures(
            run, "Receiver: version 2, for a reader of version 1: (.*)"
        ):
            self.assertEqual(
                found,
                NEWER,
                "version 2, for a reader of version 1, must be refused, not "
                f"'{found}'",
            )

    def test_the_compiler_knows_about_bytes_and_not_about_meaning(
        self,
    ) -> None:
        """Act 1: the pointer and the lambda pass both of its columns."""
        run = self.run_lab()
        for name, copies, whole, means in (
            ("int32_t", "true", "true", "yes"),
            ("Reading", "true", "false", "yes"),
            ("std::string", "false", "false", "no.*"),
            ("Name, with a pointer", "true", "true", "no.*"),
            ("a lambda", "true", "true", "no.*"),
        ):
            row = rf"Main: {name} +\| {copies} +\| {whole} +\| {means}"
            self.assert_count(run, row, 1)

    def test_a_struct_carries_along_what_was_in_memory_before(self) -> None:
        """Act 2: whatever it was."""
        run = self.run_lab("--letter=Q")
        self.assert_count(run, "Receiver: 16 bytes; .* say 'QQQQ'", 1)
        self.assert_count(run, "Receiver: 13 bytes: .*", 1)

    def test_each_defect_of_a_message_has_its_reason(self) -> None:
        """Act 3: for a reader of the new version."""
        run = self.run_lab()
        for what, reason in (
            ("version 1", f"{WHOLE}''"),
            ("version 2", f"{WHOLE}'fragile'"),
            ("cut short", "refused: the weight: 4 of 8 bytes"),
            (
                "a wrong length",
                "refused: the label: 7 of 4294967295 bytes",
            ),
            ("one byte more", "refused: left over: 1 bytes"),
            ("an impossible value", "refused: a weight of -1 kg"),
            ("no bytes at all", "refused: the version: 0 of 1 bytes"),
        ):
            line = f"Receiver: {what}, for a reader of version 2: {reason}"
            self.assert_count(run, line, 1)

    def test_an_old_receiver_reads_old_messages_and_no_new_ones(self) -> None:
        """Act 3: for a reader of version 1 only."""
        run = self.run_lab()
        line = "Receiver: {}, for a reader of version 1: {}"
        self.assert_count(run, line.format("version 1", f"{WHOLE}''"), 1)
        for what in ("version 2", "cut short", "one byte more"):
            self.assert_count(run, line.format(what, NEWER), 1)

    def test_what_is_sent_is_the_descriptor_and_not_its_number(self) -> None:
        """Act 4, and functions by their names in act 5."""
        run = self.run_lab()
        self.assert_count(
            run, "Receiver: Number 100 as it came: Bad file descriptor", 1
        )
        self.assert_count(run, "Receiver: A descriptor that came: 'hello'", 1)
        for name, result in (
            ("twice", "14"),
            ("square", "49"),
            ("erase", "refused: not in the table"),
        ):
            self.assert_count(run, f"Receiver: {name} of 7: {result}", 1)


if __name__ == "__main__":
    lab.main()

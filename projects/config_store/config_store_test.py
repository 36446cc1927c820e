"""Judges a configuration store: no reader sees half, whatever dies."""

from harness import project, results, trace


class ConfigStoreTest(project.ProjectTest):
    """A reader gets the old configuration or the new one."""

    skeleton = project.Caught(by="output", saying="not written yet")
    wrong = {
        "in_place": project.Caught(
            by="output",
            saying="killed before .* gives 0 bytes|while the next one is saved",
        ),
        "no_sync": project.Caught(by="output", saying="before fsync"),
        "one_name_for_all": project.Caught(by="output", saying="four savers"),
        "temporary_elsewhere": project.Caught(
            by="output", saying="Invalid cross-device link"
        ),
        "errors_are_ignored": project.Caught(
            by="output", saying="8 KiB, saving ended with status 0"
        ),
        "litter": project.Caught(
            by="output", saying="each killed saver leaves a file"
        ),
    }

    def _needs_strace(self) -> None:
        if reason := trace.why_not():
            self.skipTest(reason)

    def test_1_what_is_saved_is_loaded(self) -> None:
        """This holds for any bytes, and for any number of them."""
        self.referee("keeps")

    def test_2_a_reader_sees_the_old_or_the_new(self) -> None:
        """This holds even in the middle of a save."""
        self.referee("never_half")

    def test_3_a_saver_may_be_killed_before_any_call(self) -> None:
        """A reader then gets the old or the new, and the next save works."""
        self._needs_strace()
        self.referee("survives_kills")

    def test_4_what_has_the_name_is_on_the_disk(self) -> None:
        """The file is synced before the rename, the folder after it."""
        self._needs_strace()
        self.referee("is_durable")

    def test_5_when_there_is_no_room_the_old_one_stays(self) -> None:
        """The saver says that it failed."""
        self._needs_strace()
        self.referee("has_no_room")

    def test_6_savers_at_the_same_time_do_not_mix(self) -> None:
        """The last one wins, and what it saved is whole."""
        for seed in range(2):
            self.referee("many_savers", seed)


if __name__ == "__main__":
    results.main()

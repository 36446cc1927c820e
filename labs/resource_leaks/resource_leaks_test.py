"""Proves what the chapter on resource leaks promises."""

from harness import lab

NUMBERS = "leaves a shm behind: /dev/shm/ipc-labs-.*numbers, made by "


class ResourceLeaksTest(lab.LabTest):
    """Five ways to end, and nothing is left after any of them."""

    wrong = {
        "closed_not_unlinked": lab.Caught(by="leak", saying=NUMBERS + "Main"),
        "unlink_skipped": lab.Caught(by="leak", saying=NUMBERS + "Main"),
        "no_heir": lab.Caught(by="leak", saying=NUMBERS + "Worker"),
        "inherited_descriptor": lab.Caught(
            by="leak",
            saying=r"a descriptor behind: descriptor \d+, the (read|write) end"
            r" of pipe:\[\d+\], in pid \d+ .*, made by Main",
        ),
        "zombie": lab.Caught(
            by="leak", saying=r"a zombie behind: pid \d+ \(Child\)"
        ),
    }

    tolerates = {"Child .*": "it only ends, and its destructor reaps it"}

    def check(self, run: lab.Run) -> None:
        """After each act nothing is left."""
        acts = self.captures(run, r"Main: Act (\d)")
        left = self.captures(run, "Main: Left: (.*)")
        nothing = "names 0, descriptors 0, zombies 0"
        if acts:
            self.assertEqual(left[-1], nothing)
            self.assertEqual(left, [nothing] * len(acts))

    def test_an_exception_runs_the_destructors(self) -> None:
        """Act 1: a name and a pipe, and then neither."""
        run = self.run_lab()
        for before, after in (
            ("At work: names 1, descriptors 2, zombies 0", "Caught: .*"),
            ("Caught: simulated failure", "Left: names 0, .*"),
        ):
            self.assert_before(run, f"Main: {before}", f"Main: {after}")

    def test_a_crash_leaves_the_name_and_nothing_else(self) -> None:
        """Act 2: and a process that lives removes it."""
        run = self.run_lab()
        self.assert_count(
            run, "Worker: At work: names 1, descriptors 2, zombies 0", 1
        )
        killed = "Main: The worker was killed by SIGKILL"
        left = "Main: Left by the dead: names 1, descriptors 0, zombies 0"
        self.assert_before(run, killed, left)
        self.assert_before(run, left, "Main: Removed the name")

    def test_the_memory_outlives_its_name_and_its_maker(self) -> None:
        """Act 3: a process that has mapped it keeps it."""
        run = self.run_lab()
        self.assert_before(
            run,
            "Maker: Unlinked the name, and wrote 42",
            "Main: Read 42 after the maker had died",
        )

    def test_a_program_gets_what_it_is_given_and_no_more(self) -> None:
        """Act 4: no pipe but the one that is meant for it."""
        run = self.run_lab()
        self.assert_count(run, "Main: The program holds 0 ends .*", 1)

    def test_ended_children_are_zombies_until_they_are_reaped(self) -> None:
        """Act 5: each with the descriptor by which Main holds it."""
        for count in (1, 20):
            run = self.run_lab(f"--children={count}")
            self.check(run)
            self.assert_count(
                run,
                f"Main: All have ended: names 0, descriptors {count},"
                f" zombies {count}",
                1,
            )

    def test_a_child_that_ends_late_is_waited_for(self) -> None:
        """Act 5: the line is about all children, and says so of no fewer."""
        late = {"IPC_LABS_FAULT": "Child 0:slow=0.2"}
        run = self.run_lab("--children=3", env=late)
        self.check(run)
        told = "All have ended: names 0, descriptors 3, zombies 3"
        self.assert_count(run, f"Main: {told}", 1)


if __name__ == "__main__":
    lab.main()

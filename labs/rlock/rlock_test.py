"""Proves what the chapter on reentrant locks promises."""

from harness import lab


class RLockTest(lab.LabTest):
    """Functions that lock again, and a lock that is free after the last."""

    wrong = {
        "plain_lock": lab.Caught(
            by="status", saying="check failed: .*locked again by its owner"
        ),
        "locked_in_parts": lab.Caught(
            by="output", saying="a total that is not 100 must never be said"
        ),
        "unlocked_once": lab.Caught(
            by="hang", saying="Auditor waits for RLock 'bank', held by Clerk"
        ),
    }

    explored = (
        *lab.Explored({"2 of 2 audits are good": 5}).both(),
        # Whichever process dies, the audits that are made are good.
        *lab.Explored(
            {
                "0 of 0 audits are good": 5,
                "1 of 1 audits are good": 7,
                "2 of 2 audits are good": 13,
            },
            request={"kills": 1},
        ).both(),
        # The reduced exploration reports one of the two as a deadlock.
        lab.Explored(
            {"failed: Clerk ended: killed by SIGABRT": 2}, variant="plain_lock"
        ),
        *lab.Explored(
            {"the total is 90": 1, "the total is 100": 2},
            variant="locked_in_parts",
        ).both(),
        *lab.Explored(
            {
                "deadlock: Clerk waits for Event 'closing time'; "
                "Auditor waits for RLock 'bank', held by Clerk": 2
            },
            variant="unlocked_once",
        ).both(),
    )

    def check(self, run: lab.Run) -> None:
        """No audit sees an amount on its way from one account to the other."""
        self.assert_never(
            run, "The total is (?!100$)", "a total that is not 100"
        )

    def test_the_depth_counts_the_functions_that_hold_it(self) -> None:
        """Three functions deep, and one when the others have returned."""
        run = self.run_lab()
        depths = self.captures(run, r"Clerk: .* depth (\d)")
        self.assertEqual(depths, ["3", "3", "3", "3", "1"])

    def test_the_lock_is_held_until_the_outermost_function_unlocks(
        self,
    ) -> None:
        """Both audits come after the Clerk's last word."""
        run = self.run_lab()
        waits = "Main: Auditor has to wait for the RLock"
        self.assert_before(run, waits, "Clerk: Done, at depth 1")
        self.assert_before(
            run, "Clerk: Done, at depth 1", "Auditor: The total is 100"
        )
        self.assert_count(run, "Auditor: The total is 100", 2)

    def test_every_audit_is_good_in_every_order(self) -> None:
        """All six orders of the two, also with the Clerk killed."""
        for flags in ((), ("--kill",)):
            run = self.run_lab("--schedule=all", *flags)
            found = self.captures(run, r"Main: Good audits (.*) orders")
            self.assert_outcomes(found, ["2 of 2 in 6 of 6"])

    def test_an_owner_killed_at_depth_3_leaves_a_lock_of_depth_1(self) -> None:
        """The next owner is told, once, and repairs."""
        run = self.run_lab("--kill")
        self.check(run)
        self.assert_never(run, "Clerk: Changed account 1")
        told = "Auditor: The last owner died inside the lock; depth 1"
        self.assert_before(run, "Main: Clerk ended: killed by SIGKILL", told)
        self.assert_count(run, told, 1)
        self.assert_before(run, told, "Auditor: The total is 100")
        self.assert_count(run, "Auditor: The total is 100", 2)

    def test_an_order_must_name_two_processes(self) -> None:
        """One process or three are refused in one line."""
        for order in ("AA", "AABBCC", "AB"):
            run = self.run_program(self.program(), f"--schedule={order}")
            self.assertEqual(run.status, 2, order)
            self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)


if __name__ == "__main__":
    lab.main()

"""Proves what the chapter on mechanisms promises."""

import re
from collections.abc import Mapping

from harness import lab

MECHANISMS = (
    *("pipe", "fifo", "stream_pair", "datagram_pair", "seqpacket_pair"),
    *("descriptor", "tcp", "udp", "posix_queue", "sysv_queue", "shm_futex"),
    *("shm_semaphores", "sysv_memory", "mapped_file", "process_vm"),
    *("file_flock", "file_ofd", "signal", "eventfd"),
)
PYTHONS = (
    *("fifo", "descriptor", "tcp", "udp", "shm_futex", "mapped_file"),
    "file_flock",
)

Table = Mapping[str, tuple[str, ...]]


class MechanismsTest(lab.LabTest):
    """One job over every mechanism, and what is seen of each."""

    known_numbers = {
        "278": "212,992 bytes, and a small message takes 768 of them",
        "212,960": "212,992 bytes without the 32 of the header",
        "2,082": "seen with Linux 6.18, as the chapter says",
        "62,000": "seen with Linux 6.18, as the chapter says",
    }
    compared_numbers = {
        "then up to {} more are sent": lab.Source(
            "experiments.cc", "kSendsToTheDead = {};"
        ),
        "The bound of {} is our own": lab.Source("memory.cc", "kSlots = {};"),
    }
    wrong = {
        "udp_as_reliable": lab.Caught(
            by="output", saying=r"sent 10000, received \d{1,4}\b"
        ),
        "fifo_without_reader": lab.Caught(
            by="hang", saying="Sender waits in open"
        ),
        "system_v_left": lab.Caught(by="leak", saying="leaves a sysv shm"),
        "signals_merged": lab.Caught(by="output", saying="sent 2, received 1"),
        "eventfd_as_queue": lab.Caught(
            by="output", saying="sent 2, received 1"
        ),
        "descriptor_kept": lab.Caught(
            by="hang", saying=r"Main waits in read .*Main itself"
        ),
    }

    def check(self, run: lab.Run) -> None:
        """What arrives is what was sent, whichever mechanism carries it."""
        self.assert_never(run, "failed")
        for line in run.lines:
            for sent, received in re.findall(
                r"sent (\d+), received (\d+)", line.raw
            ):
                self.assertEqual(received, sent, line.raw)

    def rows(self, run: lab.Run, act: int) -> Table:
        """Returns the cells of each mechanism in act 1 or 2, by its name."""
        widths = {1: (4, 6, 9, 10, 7), 2: (20, 14, 13)}[act]
        cells = "".join(rf"(.{{{width}}}) " for width in widths)
        row = re.compile(rf"Main: (\w+) +(?<=^.{{21}}){cells}(\S.*)")
        found = {}
        for line in run.lines:
            if (match := row.fullmatch(line.raw)) and match[1] in MECHANISMS:
                found[match[1]] = tuple(c.strip() for c in match.groups()[1:])
        return found

    def test_each_mechanism_does_the_job(self) -> None:
        """It has a row in both tables, and comes to the sum."""
        run = self.run_lab("--messages=5")
        for act in (1, 2):
            self.assertEqual(tuple(self.rows(run, act)), MECHANISMS)
        sums = {name: row[0] for name, row in self.rows(run, 1).items()}
        self.assertEqual(sums, dict.fromkeys(MECHANISMS, "15"))
        for name in PYTHONS:
            self.assert_count(run, rf"Main: {name} +15", 1)

    def test_what_a_full_one_does_and_which_ones_keep_boundaries(self) -> None:
        """Which wait, which drop, and whose messages run into each other."""
        rows = self.rows(self.run_lab(), 1)
        full = {name: row[2] for name, row in rows.items()}
        unbounded = {"file_flock", "file_ofd", "eventfd"}
        for name in MECHANISMS:
            wanted = {"udp": "drops"}.get(name, "waits")
            self.assertEqual(full[name], "-" if name in unbounded else wanted)
        for name, bound in (
            ("pipe", 65536 // 64),  # pipe(7), "Pipe capacity".
            ("fifo", 65536 // 64),
            ("posix_queue", 10),  # mq_overview(7), msg_default.
            ("sysv_queue", 16384 // 64),  # msgctl(2), MSGMNB.
            ("shm_futex", 16),
        ):
            self.assertEqual(rows[name][1], str(bound), name)
        lost = {name for name, row in rows.items() if row[3] == "lost"}
        streams = {"pipe", "fifo", "stream_pair", "tcp"}
        self.assertEqual(lost, streams | {"file_flock", "file_ofd"})
        self.assertEqual(rows["eventfd"][3:], ("added", "-", "added"))
        longest = {"udp": 65507, "posix_queue": 8192, "sysv_queue": 8192}
        for name, size in longest.items():
            self.assertEqual(rows[name][4], str(size), name)

    def test_which_side_notices_a_death_and_what_is_left(self) -> None:
        """The cells that the chapter mentions."""
        rows = self.rows(self.run_lab(), 2)
        for name, cells in {
            "pipe": ("EPIPE", "end of file", "nothing", "fork"),
            "fifo": ("EPIPE", "end of file", "name", "path"),
            "datagram_pair": ("ECONNREFUSED", "nothing", "nothing", "fork"),
            "descriptor": ("EPIPE", "end of file", "name", "path"),
            "tcp": ("EPIPE, 1 lost", "end of file", "nothing", "network"),
            "udp": ("ECONNREFUSED, 1 lost", "nothing", "nothing", "network"),
            "posix_queue": ("nothing", "nothing", "name and data", "name"),
            "sysv_memory": ("nothing", "nothing", "name and data", "key"),
            "shm_semaphores": (
                *("nothing", "locked, 1 lost"),
                *("name and data", "name"),
            ),
            "file_ofd": ("nothing", "nothing", "name and data", "path"),
            "process_vm": ("ESRCH", "nothing", "nothing", "pid"),
            "signal": ("ESRCH", "nothing", "nothing", "pid"),
        }.items():
            self.assertEqual(rows[name], cells, name)

    def test_one_mechanism_alone_reports_each_message(self) -> None:
        """Said before it is sent, and after it has come."""
        for name in ("seqpacket_pair", "sysv_queue", "process_vm"):
            run = self.run_lab(f"--only={name}", "--messages=3")
            self.assertEqual(set(self.rows(run, 1)), {name})
            self.assert_said(
                run, "Sender", [f"Sent message {i}" for i in (1, 2, 3)]
            )
            for number, total in ((1, 1), (2, 3), (3, 6)):
                self.assert_before(
                    run,
                    f"Sender: Sent message {number}",
                    f"Receiver: Got {number}, so the sum is {total}",
                )

    def test_a_full_mechanism_makes_its_sender_wait(self) -> None:
        """More messages than a queue, a ring or a pair of them holds."""
        for name in ("posix_queue", "shm_futex", "shm_semaphores"):
            run = self.run_lab(f"--only={name}", "--messages=100")
            self.assertEqual(self.rows(run, 1)[name][0], "5050")

    def test_costs_are_shown_only_on_request(self) -> None:
        """A row for each, in multiples of a pipe's."""
        run = self.run_lab("--cost")
        costs = self.captures(run, r"^Main: (\w+) +[\d.]+ .* times a pipe$")
        self.assertEqual(tuple(costs), MECHANISMS)
        self.assert_never(self.run_lab("--only=pipe"), "times a pipe")

    def test_a_full_dev_shm_gets_one_clear_line(self) -> None:
        """No process that stores a message there is killed."""
        for name in ("shm_futex", "shm_semaphores"):
            self._assert_fails_where(
                "mount -t tmpfs -o size=4k none /dev/shm &&"
                " head -c 4096 /dev/zero >/dev/shm/filler",
                name,
                "posix_fallocate: No space left on device",
            )

    def test_a_missing_python_gets_one_clear_line(self) -> None:
        """Its error text is not taken for an address."""
        self._assert_fails_where(
            "mount --bind /dev/null /usr/bin/python3",
            "fifo",
            "/usr/bin/python3: Permission denied",
        )

    def _assert_fails_where(self, prepared: str, only: str, why: str) -> None:
        """Runs one mechanism after a line of sh(1) that may mount."""
        command = self.as_root(
            *("sh", "-c", f'{prepared} && exec "$0" --pace=0 "$1"'),
            *(self.program(), f"--only={only}"),
            options=["--mount"],
        )
        run = self._run(command)
        self.assertEqual((run.status, run.stderr), (1, ""))
        self.assertEqual(run.lines[-1].raw, f"Main: FAIL {why}")

    def test_an_unknown_name_gets_one_line_with_all_names(self) -> None:
        """And nothing is played."""
        run = self.run_lab("--only=telepathy", clean=False)
        self.assertEqual((run.status, run.lines), (2, ()))
        self.assertIn("there is no 'telepathy', only pipe, fifo,", run.stderr)
        self.assertEqual(len(run.stderr.splitlines()), 1)


if __name__ == "__main__":
    lab.main()

"""Proves what the chapter on the broker promises.

The lab starts a broker of its own, which takes seconds. So it is run in this
way once; all other runs share one broker that keeps running beside them.
"""

import pathlib
import re
import shutil
import socket
from collections.abc import Sequence
from typing import Any, ClassVar

from harness import lab
from harness import run as harness_run

_BOOKS = r"Collector: In the books: (.*)"
_FACT = r"Collector: In fact: (begun \d+ times, done \d+ times)"
# How long a broker on a busy machine may take to answer.
_ANSWER_S = 10.0
# How long it may take to start.
_START_S = 120.0
_STARTS = "Main: Starting a RabbitMQ of its own, which takes some seconds"


class BrokerTest(lab.LabTest):
    """The same tasks as in task_distribution, handed out by RabbitMQ."""

    compared_numbers = {
        "have not been used for {} minute.": lab.Source(
            "channel.cc", 'entry("x-expires", {})', 1 / 60_000
        ),
    }
    wrong = {
        "automatic_acknowledgement": lab.Caught(
            by="output", saying="MISSING '[012]'"
        ),
        "no_limit": lab.Caught(by="output", saying="task 0 was begun 6 times"),
    }

    _own_run: ClassVar[lab.Run | None] = None
    _service: ClassVar[harness_run.Service | None] = None
    _flags: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def tearDownClass(cls) -> None:
        """Ends the broker of all the other runs."""
        if cls._service:
            cls._service.end()
        cls._service, cls._own_run = None, None

    def run_with_own_broker(self) -> lab.Run:
        """Returns the one run that starts a broker of its own."""
        if not BrokerTest._own_run:
            BrokerTest._own_run = super().run_program(self.program())
        elif BrokerTest._own_run not in self.runs:
            self.runs.append(BrokerTest._own_run)
        return BrokerTest._own_run

    def run_program(self, program: str, *flags: str, **options: Any) -> lab.Run:
        """Runs with the broker that all runs share, but for the plain run."""
        name = pathlib.Path(program).name
        if name != self.name and not (self.folder / self.name).exists():
            # A learner's program alone: it starts a broker of its own.
            options["quiet_s"] = max(_ANSWER_S, options.get("quiet_s", 0))
            options.setdefault("limit_s", _START_S)
            return super().run_program(program, *flags, **options)
        own_run = self.run_with_own_broker()  # Skips if there is no RabbitMQ.
        is_plain = not flags and not {"env", "events"} & options.keys()
        if program == self.program() and is_plain:
            return own_run
        if not BrokerTest._service:
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
            BrokerTest._service = harness_run.Service(
                [self.program(), f"--serve={port}"]
            )
            BrokerTest._flags = (f"--url=amqp://127.0.0.1:{port}",)
            waits = (*BrokerTest._flags, "--wait=60", "--tasks=1")
            self.run_with_service(self.program(), *waits)
        return self.run_with_service(
            program, *flags, *BrokerTest._flags, **options
        )

    def run_with_service(
        self, program: str, *flags: str, **options: Any
    ) -> lab.Run:
        """Runs beside the service, in its network.

        The harness cannot see the service work, so it gives it time to answer.
        """
        options["network"] = BrokerTest._service
        options["quiet_s"] = max(_ANSWER_S, options.get("quiet_s", 0))
        return super().run_program(program, *flags, **options)

    def run_traced(
        self, strace: Sequence[str], command: Sequence[str], **options: Any
    ) -> lab.Run:
        """Traces the lab, but not the broker, which makes too many calls."""
        self.run_program(self.program(), "--tasks=1")  # Starts the service.
        options["network"] = BrokerTest._service
        return super().run_traced(
            strace, [*command, *BrokerTest._flags], **options
        )

    def check(self, run: lab.Run) -> None:
        """Every task is in the books once or is dead, and was worked on."""
        created = self.captures(run, r": Created task (\d+)$")
        entered = self.captures(
            run, r"^Collector: Received result for task (\d+) from worker \d+$"
        )
        dead = self.captures(run, r"^Collector: Task (\d+) is dead")
        for task in created:
            work = rf"Worker \d+: Processing task {task} \(\w+\).*"
            begun = len(self.captures(run, f"^{work}$"))
            self.assertLessEqual(
                begun, 3, f"task {task} was begun {begun} times"
            )
        self.assertEqual(sorted({*entered, *dead}), sorted(created))
        self.assertEqual(len(entered), len({*entered}), "entered twice")
        for task in entered:
            work = rf"Worker \d+: Processing task {task} \(\w+\).*"
            self.assert_before(run, f".*: Created task {task}", work)
            received = f"Collector: Received result for task {task} .*"
            self.assert_before(run, work, received)

    def assert_accounts(self, run: lab.Run, books: str, fact: str) -> None:
        """The books and the facts are these, and agree with the lines."""
        self.assert_clean(run)
        self.check(run)
        self.assertEqual(self.capture(run, _BOOKS), books)
        self.assertEqual(self.capture(run, _FACT), fact)
        begun = self.captures(run, r"^Worker \d+: Processing task \d+")
        received = self.captures(run, r"^Collector: Received result for task")
        counted = f"begun {len(begun)} times, done {len(received)} times"
        self.assertEqual(counted, fact)

    def assert_story(self, run: lab.Run) -> None:
        """Workers are killed; the broker gives their tasks to others."""
        self.assert_accounts(
            run,
            "20 of 21 tasks, each done once; 1 dead",
            "begun 25 times, done 21 times",
        )
        self.assert_count(run, r"Main: Worker \d+ was killed by SIGKILL", 5)
        again = self.captures(run, r"result for task (\d+) .* again")
        self.assertEqual(again, ["11"])
        redelivered = self.captures(
            run, r"^Worker \d+: Processing task (\d+) .*, redelivered$"
        )
        self.assertEqual(sorted(redelivered), ["11", "20", "20", "7"])

    def test_with_a_broker_of_its_own_nothing_is_lost(self) -> None:
        """The broker is started, used, and ended without a trace."""
        run = self.run_with_own_broker()
        self.assertEqual(run.lines[0].raw, _STARTS)
        self.assert_story(run)

    def test_with_a_given_broker_nothing_is_lost(self) -> None:
        """With another seed, and with a single worker."""
        self.assert_story(self.run_lab("--seed=3"))
        run = self.run_lab("--workers=1")
        self.assert_story(run)
        self.assert_never(run, "Starting a RabbitMQ")

    def test_a_worker_may_have_more_than_one_task(self) -> None:
        """When it dies, all the tasks that it had are given out again."""
        run = self.run_lab("--prefetch=5", "--workers=3")
        self.check(run)
        books = re.fullmatch(
            r"(\d+) of 21 tasks, each done once; (\d+) dead",
            self.capture(run, _BOOKS),
        )
        assert books, run.transcript()
        self.assertEqual(int(books[1]) + int(books[2]), 21)

    def test_the_end_reaches_more_workers_than_there_are_tasks(self) -> None:
        """Each is told by the broker that the queue is gone."""
        run = self.run_lab("--workers=6", "--tasks=2")
        self.assert_accounts(
            run,
            "2 of 3 tasks, each done once; 1 dead",
            "begun 5 times, done 2 times",
        )
        self.assert_count(run, r"Worker \d: The tasks are closed", 6)

    def test_ctrl_c_ends_it_while_its_broker_starts(self) -> None:
        """Neither a process of the broker nor its folder is left."""
        run = super().run_program(
            self.program(), interrupt_after="Starting a RabbitMQ"
        )
        self.assertEqual((run.status, run.leaks), (130, ()))

    def test_a_broker_that_does_not_answer_is_reported(self) -> None:
        """One line names the reason."""
        for url, told in (
            ("amqp://127.0.0.1:1", "connect to the broker: "),
            ("http://127.0.0.1", "URL of the broker: "),
            ("amqps://127.0.0.1", "URL of the broker: TLS"),
        ):
            run = super().run_program(self.program(), f"--url={url}")
            self.assertEqual(run.status, 1)
            self.assertIn(f"Main: FAIL {told}", run.transcript())

    def test_a_broker_that_ends_at_once_is_started_again(self) -> None:
        """Another process may have taken its port. It gives up at last."""
        if not shutil.which("epmd"):
            self.skipTest("Erlang, which comes with RabbitMQ, is not installed")
        run = harness_run.run(
            [self.program()], env={"IPC_LABS_RABBITMQ_SERVER": "/bin/pwd"}
        )
        if run.status == 77:
            self.skipTest(run.transcript().splitlines()[-1])
        self.assertEqual((run.status, run.leaks), (1, ()))
        self.assertRegex(
            run.transcript(),
            r"Main: FAIL the broker does not start: .*; "
            r"it says: (\S+) \| \1 \| \1\n",
        )

    def test_without_rabbitmq_it_says_how_to_get_it(self) -> None:
        """It neither passes nor fails, and is not built without the client."""
        run = harness_run.run(
            [self.program()], env={"IPC_LABS_RABBITMQ_SERVER": "/nowhere"}
        )
        self.assertEqual(run.status, 77)
        self.assertIn(
            run.transcript().splitlines()[-1],
            (
                "Main: SKIP RabbitMQ is not installed; apt-get install "
                "rabbitmq-server, or name a broker by --url=amqp://host",
                "Main: SKIP RabbitMQ's client is not installed; apt-get "
                "install librabbitmq-dev, and ./bazelw builds the lab with it",
            ),
        )


if __name__ == "__main__":
    lab.main()

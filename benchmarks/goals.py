"""What is to be reached: the table that the benchmarks are there to fill in.

A goal compares two contenders, or looks at a figure of one. `reach` is
required, or explained in NOTES; `aim` is what we want. One without either is
there to be seen beside the others.
"""

import dataclasses

from benchmarks.samples import FAR, NEAR

FASTER = "faster"  # At least this many times as fast as the peer.
COST = "cost"  # At most this many times the peer's time.
# A figure of ours, at most: its time in ns, CPUs kept busy, context switches
# per operation, share of trials after which nothing moved.
TIME, CPU, SWITCHES, DEAD = "ns", "cpu", "switches", "dead"
SHARES = (CPU, DEAD)

# Why a goal is not reached, or has no benchmark, by its key: printed beside the
# figure.
NOTES: dict[str, str] = {
    "queue_1to1_64B/two/Queue faster queue_1to1_64B/boost_message_queue near": (
        "two robust mutexes take 16 ns of each message; without them a queue"
        " hangs when a process is killed"
    ),
    "queue_round_trip/same/Queue cost queue_round_trip/futex": (
        "the timers of two sleeps take 0.6 us: a wake-up cannot be relied on if"
        " its sender may be killed"
    ),
    "lock_1/same/Lock cost lock_1/pthread_mutex": (
        "pthread's own robust mutex takes 1.4 to 1.8 times as long as its plain"
        " one: it tells the kernel what its thread holds"
    ),
    "connection_one_way_64B/two/Connection faster"
    " connection_one_way_64B/raw_socket": (
        "a call for each message on either side, as in hand-written code; only"
        " a connection that reads ahead could do with fewer"
    ),
    "connection_one_way_1MiB/two/Connection faster"
    " connection_one_way_1MiB/framed_pipe": (
        "the kernel copies twice, and a bare socket is no faster; for more"
        " speed there is shared memory, as in Queue"
    ),
    "listener_round_trip/same/Connection cost listener_round_trip/raw_tcp": (
        "two reads a message: one for its length, one for its content"
    ),
    "manager_call/same/Manager faster manager_call/raw_echo": (
        "poll(2) before each read: a client that waits in the read is also"
        " woken when the server has taken the request"
    ),
    "process_start/same/Process cost process_start/fork_waitpid": (
        "the child sets its name and its signals, the parent opens a pidfd"
    ),
    **{
        f"supervisor_restart/{placement}/Supervisor cost"
        " supervisor_restart/pidfd_fork": (
            "two more wake-ups than hand-written code: one because the worker's"
            " channel ends before its process, one for its first message"
        )
        for placement in ("same", "two")
    },
    **{
        f"file_watcher/{placement}/FileWatcher cost file_watcher/inotify": (
            "one more call, to see whether the file has become a link"
        )
        for placement in ("same", "two")
    },
    **{
        f"{kind.lower()}_round_trip/{placement}/{kind} cost"
        f" {kind.lower()}_round_trip/futex": (
            "each sleep has a timer, since a wake-up can be lost with its"
            " sender"
        )
        for kind in ("Event", "Semaphore")
        for placement in ("same", "two")
    },
    "manager_call/same/Manager_binary faster manager_call/raw_echo": (
        "a manager has only one message format, JSON"
    ),
}

# The goals that have no benchmark, for the reason in NOTES. If another goal
# was not measured, that is an error, whatever NOTES says about its figure.
UNMEASURED = {
    "manager_call/same/Manager_binary faster manager_call/raw_echo",
}


@dataclasses.dataclass(frozen=True)
class Goal:
    """A row of the table."""

    what: str
    group: str
    placement: str
    ours: str
    sense: str
    reach: float | None = None
    aim: float | None = None
    peer: str = ""
    peer_group: str = ""  # Where it is not the same.
    tag: str = ""  # The distance at which it counts; "" for any.

    @property
    def key(self) -> str:
        """What its figures are found by in results.json."""
        figure = f"{self.group}/{self.placement}/{self.ours} {self.sense}"
        if self.peer:
            figure += f" {self.peer_group or self.group}/{self.peer}"
        return f"{figure} {self.tag}".rstrip()

    @property
    def note(self) -> str:
        """Why it is not reached or not measured, if that is known."""
        return NOTES.get(self.key, "")


def _faster(
    what: str,
    group: str,
    ours: str,
    peers: dict[str, tuple[float, float] | None],
    placement: str = "two",
    tag: str = "",
) -> list[Goal]:
    return _against(FASTER, what, group, ours, peers, placement, tag)


def _cost(
    what: str,
    group: str,
    ours: str,
    peers: dict[str, tuple[float, float] | None],
    placement: str = "two",
) -> list[Goal]:
    return _against(COST, what, group, ours, peers, placement, "")


def _against(
    sense: str,
    what: str,
    group: str,
    ours: str,
    peers: dict[str, tuple[float, float] | None],
    placement: str,
    tag: str,
) -> list[Goal]:
    goals = []
    for peer, levels in peers.items():
        reach, aim = levels or (None, None)
        goals.append(
            Goal(
                what,
                group,
                placement,
                ours,
                sense,
                reach,
                aim,
                peer=peer,
                tag=tag,
            )
        )
    return goals


def _both(
    what: str,
    group: str,
    ours: str,
    peers: dict[str, tuple[float, float] | None],
) -> list[Goal]:
    """The cost on one CPU, and on two."""
    return [
        goal
        for placement in ("same", "two")
        for goal in _cost(what, group, ours, peers, placement)
    ]


def _growth(
    what: str, unit: str, group: str, ours: str, first: int, last: int
) -> list[Goal]:
    """An operation at the end against one at the start, and its switches.

    It may cost at most as much as linear growth would make it; "flat" means
    within a fifth. A caller that waits and the one that answers are two
    switches, and now and then one more; ten are still fewer than
    would be needed to wake all callers for nothing.
    """
    end = f"{group}_{last}"
    return [
        Goal(
            f"{what}, {first} to {last:,} {unit}",
            end,
            "two",
            ours,
            COST,
            last / first,
            1.2,
            peer=ours,
            peer_group=f"{group}_{first}",
        ),
        Goal(
            f"{what}, {last:,}: switches",
            end,
            "two",
            ours,
            SWITCHES,
            10,
            3,
        ),
    ]


def _queue_goals() -> list[Goal]:
    boost = "boost_message_queue"
    goals = [
        *_faster(
            "Queue 1 to 1, 64 B",
            "queue_1to1_64B",
            "Queue",
            {
                "spsc_ring": (0.5, 0.85),
                boost: (4, 6),
                "framed_pipe": (12, 18),
                "python_Queue": (80, 120),
                "pipe": None,
                "posix_mq": None,
                "seqpacket": None,
                "zeromq": None,
            },
            tag=NEAR,
        ),
        *_faster(
            "Queue 1 to 1, 4 KiB",
            "queue_1to1_4096B",
            "Queue",
            {"spsc_ring": (0.45, 0.85), boost: (5, 8)},
            tag=NEAR,
        ),
        *_faster(
            "Queue 1 to 1, 1 MiB",
            "queue_1to1_1048576B",
            "Queue",
            {
                "spsc_ring": (0.9, 1.0),
                boost: (2.5, 3.1),
                "framed_pipe": (30, 43),
            },
        ),
    ]
    for what, group, reach, aim in (
        ("Queue 3 to 1, 64 B", "queue_3to1_64B", 2.5, 4.0),
        ("Queue 3 to 1, 4 KiB", "queue_3to1_4096B", 4.5, 6.0),
        ("Queue 2 to 2, 64 B", "queue_2to2_64B", 0.8, 2.0),
    ):
        goals += _faster(what, group, "Queue", {boost: (reach, aim)}, tag=NEAR)
    # Far from each other, everything is the cache line's way; so never behind.
    for what, group in {
        goal.what: goal.group for goal in goals if goal.peer == boost
    }.items():
        goals += _faster(what, group, "Queue", {boost: (1.0, 1.5)}, tag=FAR)
    return [
        *goals,
        *_cost(
            "Queue, round trip",
            "queue_round_trip",
            "Queue",
            {"cache_line": (3.5, 2)},
        ),
        *_cost(
            "Queue, round trip",
            "queue_round_trip",
            "Queue",
            {"futex": (1.3, 1.1)},
            "same",
        ),
        Goal(
            "Queue, idle in get: CPU",
            "queue_idle",
            "two",
            "Queue",
            CPU,
            0.001,
            0.0002,
        ),
        # 60 kills a trial.
        Goal(
            "Queue, hung after kills",
            "queue_kills",
            "two",
            "Queue",
            DEAD,
            0,
            0,
        ),
        Goal(
            "Boost, hung after kills",
            "queue_kills",
            "two",
            boost,
            DEAD,
        ),
    ]


GOALS: dict[str, list[Goal]] = {
    "Queue": _queue_goals(),
    "Synchronization": [
        *_both(
            "Event, round trip",
            "event_round_trip",
            "Event",
            {"futex": (1.15, 1.05)},
        ),
        *_both(
            "Semaphore, round trip",
            "semaphore_round_trip",
            "Semaphore",
            {"futex": (1.15, 1.05), "sem_t": None},
        ),
        *_both(
            "Condition, round trip",
            "condition_round_trip",
            "Condition",
            {"futex": (2.3, 1.8), "pthread_cond": None},
        ),
        *_cost(
            "Lock, uncontended",
            "lock_1",
            "Lock",
            {"pthread_mutex": (1.35, 1.2)},
            "same",
        ),
        *_faster("Lock, 2", "lock_2", "Lock", {"pthread_robust": (1.0, 1.6)}),
        *_faster("Lock, 4", "lock_4", "Lock", {"pthread_robust": (1.0, 1.6)}),
        *_faster(
            "Value, atomic, 2 processes",
            "counter_2",
            "Value_atomic",
            {"fetch_add": (0.9, 1.0), "python_Value": (60, 120)},
        ),
    ],
    "Connections": [
        *_both(
            "Connection, round trip",
            "connection_round_trip",
            "Connection",
            {"raw_socket": (1.25, 1.1)},
        ),
        *_faster(
            "Connection, one way, 64 B",
            "connection_one_way_64B",
            "Connection",
            {
                "raw_socket": (1.0, 1.2),
                "framed_socket": None,
                "python_Pipe": None,
            },
        ),
        *_faster(
            "Connection, one way, 1 MiB",
            "connection_one_way_1MiB",
            "Connection",
            {"framed_pipe": (5, 30), "python_Pipe": None},
        ),
        *_both(
            "Listener, TCP round trip",
            "listener_round_trip",
            "Connection",
            {"raw_tcp": (1.15, 1.05)},
        ),
    ],
    "Manager": [
        *_faster(
            "Manager, a call, JSON",
            "manager_call",
            "Manager",
            {"raw_echo": (0.65, 0.9), "python_Manager": (1.3, 2)},
            "same",
        ),
        *_faster(
            "Manager, a call, binary",
            "manager_call",
            "Manager_binary",
            {"raw_echo": (0.9, 1.0)},
            "same",
        ),
        Goal(
            "Manager, 64 calls at once",
            "manager_pipelined",
            "same",
            "Manager",
            FASTER,
            10,
            40,
            peer="Manager",
            peer_group="manager_call",
        ),
    ],
    "Pool": [
        *_faster(
            "Pool, a task, chunks of 1",
            "pool_task_chunk1",
            "Pool",
            {"python_Pool_chunk1": (15, 150)},
        ),
        Goal(
            "Pool, a task, chunks of 1",
            "pool_task_chunk1",
            "two",
            "Pool",
            TIME,
            1000,
            100,
        ),
        Goal(
            "Pool, a task, chunks of 256",
            "pool_task_chunk256",
            "two",
            "Pool",
            TIME,
            20,
            2,
        ),
        *_both(
            "Pool, empty map",
            "pool_empty_map",
            "Pool",
            {"futex": (1.5, 1.1)},
        ),
        *_cost(
            "Pool, sum, best chunk",
            "pool_chunking",
            "Pool",
            {"hand_forked": (1.05, 1.0)},
        ),
        *_faster(
            "Pool, sum, best chunk",
            "pool_chunking",
            "Pool",
            {"python_Pool": (4, 25)},
        ),
    ],
    "Processes and files": [
        *_both(
            "Supervisor, kill to new child",
            "supervisor_restart",
            "Supervisor",
            {"pidfd_fork": (2, 1.3)},
        ),
        *_faster(
            "Supervisor, kill to new child",
            "supervisor_restart",
            "Supervisor",
            {"s6": None, "runit": None},
        ),
        *_cost(
            "Process, start and join",
            "process_start",
            "Process",
            {"fork_waitpid": (1.2, 1.1)},
            "same",
        ),
        *_cost(
            "Process, exec'd",
            "process_start",
            "Process_spawn",
            {"posix_spawn": (1.2, 1.1)},
            "same",
        ),
        *_cost(
            "Process from 1 GiB, exec'd",
            "process_start_1GiB",
            "Process_spawn",
            {"posix_spawn": (1.2, 1.1)},
            "same",
        ),
        *_cost(
            "Process from 1 GiB, forked",
            "process_start_1GiB",
            "Process",
            {"fork_waitpid": None},
            "same",
        ),
        *_both(
            "FileWatcher, rename to call",
            "file_watcher",
            "FileWatcher",
            {"inotify": (1.3, 1.1)},
        ),
    ],
    "Growth": [
        *_growth("Queue", "processes", "scale_queue", "Queue", 1, 16),
        *_growth("Manager", "clients", "scale_manager", "Manager", 1, 64),
        *_growth(
            "Supervisor", "children", "scale_supervisor", "Supervisor", 1, 500
        ),
        *_growth("Listener", "clients", "scale_listener", "Listener", 1, 1000),
    ],
}


def all_goals() -> list[Goal]:
    """Returns the rows of all subjects, in order."""
    return [goal for goals in GOALS.values() for goal in goals]

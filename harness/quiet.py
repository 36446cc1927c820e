"""Whether a run that says nothing will ever go on."""

from __future__ import annotations

import os

from harness import proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from harness.wire import Question, Task

# A process that looks again this often waits for more than the time to pass.
_RECHECK_S = 0.15
# A limit this far away is there to end a hang, which is explained before that.
_AS_GOOD_AS_EVER_S = 10.0
# All must be seen blocked for this long, in every look: a process with a real
# limit about to pass has continued by then, and done something.
_BLOCKED_S = 2 * _RECHECK_S
# How long nothing must happen if a process looks again by itself, in a call
# that does not show until when: most that try again give up after a second.
_TRYING_S = 2.0
# In these, a process that names no descriptor only sleeps; and which argument
# is the number of descriptors.
_SLEEPS_WITHOUT = {"poll": 1, "ppoll": 1, "select": 0, "pselect6": 0}
# Up to this share of a processor counts as looking again at what is awaited, on
# a machine that is not said to be slow, and on any.
_LOOKING = 0.02
_LOOKING_AT_MOST = 0.2
# How the verdict begins if the limit was reached and no hang was seen.
NOT_ENDED = "it had not ended after"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Quiet:
    """Follows a run and tells when nothing moves any more."""

    def __init__(self, question: Question, own_pid_namespace: bool) -> None:
        self._limit_s = question["limit_s"]
        self._quiet_s = question["quiet_s"]
        self._looking = min(
            _LOOKING * max(1.0, question["scale"]), _LOOKING_AT_MOST
        )
        self._own_pids = own_pid_namespace
        self._since_s = 0.0
        self._ticks_before = -1
        self._seen: tuple[object, ...] = ()
        self._trying_s = max(self._quiet_s, _TRYING_S * question["scale"])
        # Since when all have been blocked, and how often each had run then.
        self._blocked_since_s: float | None = None
        self._runs: dict[int, int] = {}

    def is_over(self, now_s: float) -> None:
        """Starts again, since something has happened."""
        self._since_s = now_s
        self._ticks_before = -1
        self._blocked_since_s = None

    def verdict(
        self, now_s: float, every: dict[int, proc.Stat], events_size: int
    ) -> str:
        """Returns why the run is taken to hang, "" if it is not."""
        if now_s >= self._limit_s:
            return f"{NOT_ENDED} {self._limit_s:g} s"
        if self._has_moved(now_s, every, events_size):
            self.is_over(now_s)
        quiet_s = now_s - self._since_s
        if quiet_s < self._quiet_s:
            return ""
        tasks = self._blocked(now_s, every)
        runs = {task["tid"]: _runs(task) for task in tasks if _is_endless(task)}
        if not tasks or runs != self._runs or self._blocked_since_s is None:
            self._blocked_since_s = now_s if tasks else None
            self._runs = runs
            return ""
        if now_s - self._blocked_since_s < _BLOCKED_S:
            return ""
        if any(map(_tries_again, tasks)) and quiet_s < self._trying_s:
            return ""
        return f"nothing had happened for {quiet_s:.1f} s"

    def _has_moved(
        self, now_s: float, every: dict[int, proc.Stat], events_size: int
    ) -> bool:
        """Whether there are new events or processes, or work is done."""
        seen = (events_size, *sorted(every))
        is_new, self._seen = seen != self._seen, seen
        ticks = sum(status.ticks for status in every.values())
        if self._ticks_before < 0:
            self._ticks_before = ticks
        used_s = (ticks - self._ticks_before) / _TICKS_PER_S
        allowed_s = self._looking * (now_s - self._since_s) + 0.02
        return is_new or used_s > allowed_s

    def _blocked(self, now_s: float, every: dict[int, proc.Stat]) -> list[Task]:
        """Returns all tasks if each is blocked by others, none if not."""
        if any(status.state in "RD" for status in every.values()):
            return []
        tasks = proc.tasks(self._own_pids)
        if any(task["state"] in "RD" for task in tasks):
            return []
        if any(self._ends_by_itself(task, now_s) for task in tasks):
            self.is_over(now_s)
            return []
        return tasks

    def _ends_by_itself(self, task: Task, now_s: float) -> bool:
        """Whether it waits only for a time that will come."""
        if task["state"] in "TtZX":
            return False
        timeout_s = task["timeout_s"]
        if task["call"] in proc.SLEEPS or _only_sleeps(task):
            return timeout_s is None or timeout_s < self._limit_s - now_s
        for fd, _ in task["waits_on"]:
            info = proc.fd_info(task["pid"], fd)
            if "it_value:" in info and "it_value: (0, 0)" not in info:
                return True  # A timer that is set.
        if timeout_s is None:
            return False
        return _RECHECK_S < timeout_s <= _AS_GOOD_AS_EVER_S


def _only_sleeps(task: Task) -> bool:
    """Whether nothing but the time can end its call, which is not a sleep."""
    place = _SLEEPS_WITHOUT.get(task["call"])
    if place is None or not task["args"] or task["timeout_s"] is None:
        return False
    return not task["args"][place]


def _tries_again(task: Task) -> bool:
    """Whether it looks at a descriptor again, and does not show until when.

    The keeper of a lab, which does so as well, only waits for signals.
    """
    timeout_s = task["timeout_s"]
    if timeout_s is None or not 0 <= timeout_s <= _RECHECK_S:
        return False
    targets = (f"/proc/{task['pid']}/fd/{fd}" for fd, _ in task["waits_on"])
    return any("signalfd" not in proc.read_link(each) for each in targets)


def _is_endless(task: Task) -> bool:
    """Whether it sleeps on until another process ends its call."""
    if not task["args"] or task["timeout_s"] is not None:
        return False
    # A wait of the library ends now and then, and goes on: see futex.cc.
    return task["call"] != "futex" or not task["args"][3]


def _runs(task: Task) -> int:
    """Returns how often a task has been put to sleep, or taken off."""
    path = f"/proc/{task['pid']}/task/{task['tid']}/status"
    lines = proc.read_text(path).splitlines()
    return sum(int(x.split()[1]) for x in lines if "ctxt_switches" in x)

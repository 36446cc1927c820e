"""Explorations of a lab: how they are asked for, and what they must find.

A lab declares scenarios (Lab::explores in common/lab/lab.h), and its test what
comes of them:

    explored = (
        lab.Explored({"1": 4, "2": 2}),
        lab.Explored({"1": 48, "2": 36, "3": 6}, flags=("--workers=3",)),
        lab.Explored({"deadlock: A waits for ...", "done"}, variant="no_order"),
    )
"""

import dataclasses
import json
import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from harness import expect
from harness import run as harness_run

_LIMIT_S = 3600.0
_QUIET_S = 30.0
_WRONG_USAGE = 2
_PROGRESS = re.compile(r"explored (\d+)")


@dataclasses.dataclass(frozen=True)
class Explored:
    """What an exploration must find: exactly these outcomes.

    outcomes: the texts, with their kind before them unless it is "outcome":
        "deadlock: ...", "broken: ...", "failed: ...". In a mapping also the
        number of schedules of each; of a reduced exploration these are looked
        at only if it has `schedules`.
    scenario: its name; "" for the first that the lab declares.
    flags: the flags of the lab.
    variant: the wrong variant that is explored in place of the lab.
    schedules: how many there are, if that is known.
    request: what is not as the lab declares it: kills, inner, reduce,
        max_preemptions, random and seed; see common/explore/explore_json.h.
    """

    outcomes: Collection[str]
    scenario: str = ""
    flags: tuple[str, ...] = ()
    variant: str = ""
    schedules: int | None = None
    request: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def title(self) -> str:
        """A name for this exploration among those of its lab."""
        words = [f"wrong_{self.variant}" if self.variant else ""]
        words += [self.scenario, *self.flags]
        words += [f"{key}={value}" for key, value in self.request.items()]
        return " ".join(word for word in words if word) or "the lab"

    def both(self) -> tuple["Explored", "Explored"]:
        """Returns it, and it reduced, which finds the same outcomes."""
        return self, dataclasses.replace(
            self,
            outcomes=frozenset(self.outcomes),
            schedules=None,
            request={**self.request, "reduce": True},
        )


class Refused(Exception):
    """The lab cannot answer the request; says why.

    wrong_request: it is the request, or a flag, that is wrong.
    """

    def __init__(self, reason: str, wrong_request: bool = False) -> None:
        super().__init__(reason)
        self.wrong_request = wrong_request


class Skipped(Refused):
    """The lab cannot be played on this machine; says why."""


def label(outcome: Mapping[str, Any]) -> str:
    """Returns an outcome's text, with its kind if that is not "outcome"."""
    kind, text = outcome["kind"], outcome["text"]
    return str(text) if kind == "outcome" else f"{kind}: {text}"


def ask(
    program: str,
    flags: Sequence[str],
    request: Mapping[str, Any],
    tell: Callable[[int], None] | None = None,
    limit_s: float = _LIMIT_S,
) -> tuple[Any, harness_run.Run]:
    """Has a lab answer a request in a world of its own.

    Args:
      program: the lab, or a wrong variant of it.
      flags: its flags.
      request: see common/explore/explore_json.h.
      tell: is called now and then with the number of schedules so far.

    Raises:
      Skipped: the lab cannot answer on this machine.
      Refused: the lab did not answer; with its reason.
    """

    def take(line: str) -> None:
        if tell and (match := _PROGRESS.fullmatch(line)):
            tell(int(match[1]))

    asked = {**request, "progress": True} if tell else dict(request)
    run = harness_run.run(
        [program, *flags],
        limit_s=limit_s,
        quiet_s=_QUIET_S,
        events=False,
        env={"IPC_LABS_EXPLORE": json.dumps(asked)},
        tell=take if tell else None,
    )
    if reason := expect.skip_reason(run):
        raise Skipped(reason)
    if run.status != 0 or len(run.lines) != 1:
        raise Refused(_reason(run), run.status == _WRONG_USAGE)
    return json.loads(run.lines[0].raw), run


def _reason(run: harness_run.Run) -> str:
    if run.hang:
        return f"it hangs: {run.hang.explain()}"
    if run.excess:
        return f"it {run.excess}"
    lines = [
        line
        for line in (*run.stderr.splitlines(), *(x.raw for x in run.lines))
        if line and not _PROGRESS.fullmatch(line)
    ]
    return "\n".join(lines) or f"exit status {run.status}"


def request_of(wanted: Explored) -> dict[str, Any]:
    """Returns the request for a declared exploration."""
    request = dict(wanted.request)
    if wanted.scenario:
        request["scenario"] = wanted.scenario
    return request


def program_name(lab: str, variant: str) -> str:
    """Returns the name of a program on the command line."""
    return f"{lab}:wrong_{variant}" if variant else lab


def replay_command(lab: str, wanted: Explored, witness: str) -> str:
    """Returns the command that plays a schedule step by step."""
    words = ["./bazelw run //harness:explore --"]
    words.append(program_name(lab, wanted.variant))
    if wanted.scenario:
        words.append(f"--scenario={shlex.quote(wanted.scenario)}")
    if wanted.request.get("inner"):
        words.append("--inner")
    words.append(f"--schedule={witness}")
    # After a second -- a flag is surely the lab's.
    words += ["--", *wanted.flags] if wanted.flags else []
    return " ".join(words)


def _witnesses(
    lab: str, wanted: Explored, found: Mapping[str, Any]
) -> list[str]:
    """Returns how to see the outcomes that are not declared come about."""
    undeclared = [
        (label(outcome), outcome["witness"])
        for outcome in found["outcomes"]
        if label(outcome) not in wanted.outcomes
    ]
    if not undeclared:
        return []
    lines = ["The simplest schedule of what was not declared:"]
    lines += [f"  {name}: {witness or '-'}" for name, witness in undeclared]
    if first := undeclared[0][1]:
        lines.append("To see the first step by step:")
        lines.append(f"  {replay_command(lab, wanted, first)}")
    return lines


def differences(
    lab: str,
    wanted: Explored,
    found: Mapping[str, Any],
    counted: bool = True,
) -> str:
    """Returns how what was found differs from what is declared, or "".

    `counted` is whether the schedules can be compared as well: a reduced
    exploration finds the same outcomes in fewer of them.
    """
    counts = {label(o): o["count"] for o in found["outcomes"]}
    if wanted.request.get("reduce") and not found["reduced"]:
        counted = False  # This machine cannot, and plays them all.
    exact = counted and (not found["reduced"] or wanted.schedules is not None)
    text = expect.outcome_differences(
        counts, wanted.outcomes, exact, "schedule"
    )
    text = "\n".join([text, *_witnesses(lab, wanted, found)]).strip("\n")
    schedules = found["schedules"]
    if counted and wanted.schedules not in (None, schedules):
        text += "\n" if text else ""
        text += f"there are {schedules} schedules, not {wanted.schedules}"
    return text

"""What the book shows of real processes, with when and where it happened.

Recorded again for each book, by programs that are built already.
"""

import datetime
import os
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import machine
from book import explorations, predictions, runs

# A recording is {"recorded": {"date", "machine"}, "runs": {lab: [run]},
# "explorations": {lab: [exploration]}, "missing": [why]}.
Recordings = dict[str, Any]


def describe_machine() -> str:
    """Returns the machine in a line: processor, CPUs and kernel."""
    found = machine.describe()
    cpus = found["cpus"]
    return f"{found['processor']}, {cpus} CPUs, {found['kernel']}"


def record(
    root: pathlib.Path, labs: Sequence[str], tell: Callable[[str], None]
) -> Recordings:
    """Runs and explores the labs; tells how far it is."""
    jobs = len(os.sched_getaffinity(0))
    begin_s = time.monotonic()
    explored, missing = explorations.record_all(
        root,
        labs,
        runs.built(root),
        jobs,
        lambda *what: predictions.add(root, *what),
    )
    count = sum(len(each) for each in explored.values())
    tell(f"{count} explorations in {time.monotonic() - begin_s:.0f} s")
    begin_s = time.monotonic()
    found = runs.record_all(root, labs, runs.built(root), tell=missing.append)
    count = sum(len(each) for each in found.values())
    tell(f"{count} runs in {time.monotonic() - begin_s:.0f} s")
    for why in missing:
        tell(f"not recorded: {why}")
    return {
        "recorded": {
            "date": datetime.date.today().isoformat(),
            "machine": describe_machine(),
        },
        "runs": found,
        "explorations": explored,
        "missing": missing,
    }

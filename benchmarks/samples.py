"""Runs the programs of the benchmarks and reads what Google Benchmark says.

A benchmark is named group/placement/contender. What a program prints for one is
a sample: the time of one operation, and the conditions that it was taken under.
"""

import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
from collections.abc import Sequence

# Within these, in ns, two CPUs are near each other, or far; between them they
# are neither. Nothing is compared across the borders.
_NEAR_NS = 250.0
_FAR_NS = 400.0
# No two CPUs are that far from each other: another program had one of them.
_DISTURBED_NS = 1000.0

NEAR, BETWEEN, FAR = "near", "between", "far"
TAGS = (NEAR, BETWEEN, FAR)

_NAME = re.compile(r"(?P<group>\w+)/(?P<placement>\w+)/(?P<contender>[^/]+)")
_NS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
_MISSING = "missing: "
# Of one round of a group; the longest take some seconds.
_LIMIT_S = 60.0


@dataclasses.dataclass(frozen=True)
class Name:
    """The name of a benchmark."""

    group: str
    placement: str
    contender: str

    @classmethod
    def read(cls, text: str) -> "Name":
        """Takes apart group/placement/contender[/what the library adds]."""
        found = _NAME.match(text)
        if found is None:
            raise ValueError(f"{text!r} is not group/placement/contender")
        return cls(found["group"], found["placement"], found["contender"])

    @property
    def is_ours(self) -> bool:
        """Whether it is a class of this library: those begin with a capital."""
        return self.contender[0].isupper()

    def __str__(self) -> str:
        return f"{self.group}/{self.placement}/{self.contender}"


@dataclasses.dataclass(frozen=True)
class Sample:
    """What came out of one benchmark in one round."""

    name: Name
    ns: float = 0.0  # Of one operation.
    near_before: float = 0.0
    near_after: float = 0.0
    switches: float = 0.0  # Of the context, per operation.
    cpu: float = 0.0  # CPUs that were busy.
    dead: float = 0.0  # 1 if nothing moved after kills.
    missing: str = ""  # What is not installed.
    error: str = ""  # What went wrong.

    @property
    def good(self) -> bool:
        """Whether there is a time."""
        return not self.missing and not self.error

    @property
    def tag(self) -> str | None:
        """Where the CPUs were: "" if there is one; None if it changed."""
        if self.name.placement == "same":
            return ""
        before, after = map(distance_tag, (self.near_before, self.near_after))
        return before if before == after else None


def distance_tag(ns: float) -> str | None:
    """Returns what a round trip between two CPUs says of their distance."""
    if ns > _DISTURBED_NS:
        return None
    if ns < _NEAR_NS:
        return NEAR
    return FAR if ns > _FAR_NS else BETWEEN


def read_samples(text: str) -> list[Sample]:
    """Reads the JSON of Google Benchmark."""
    samples = []
    for entry in json.loads(text)["benchmarks"]:
        name = Name.read(entry["name"])
        if entry.get("error_occurred"):
            error = entry["error_message"]
            if error.startswith(_MISSING):
                missing = error.removeprefix(_MISSING).strip()
                samples.append(Sample(name, missing=missing))
            else:
                samples.append(Sample(name, error=error))
            continue
        samples.append(
            Sample(
                name,
                ns=entry["real_time"] * _NS[entry["time_unit"]],
                near_before=entry["near_before"],
                near_after=entry["near_after"],
                switches=entry["switches"],
                cpu=entry["cpu"],
                dead=entry.get("dead", 0.0),
            )
        )
    return samples


class ProgramFailed(Exception):
    """A program of the benchmarks that did not say what it should."""


@dataclasses.dataclass(frozen=True)
class Program:
    """An executable with benchmarks in it."""

    path: pathlib.Path
    peers: pathlib.Path  # The folder with the peers' programs.

    def _run(self, *arguments: str) -> str:
        # A session of its own, so that at the limit its processes go with it.
        with subprocess.Popen(
            [str(self.path), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "IPC_BENCH_PEERS": str(self.peers)},
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=_LIMIT_S)
            except BaseException as error:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                raise ProgramFailed(
                    f"{self.path.name} did not end within {_LIMIT_S:.0f} s"
                ) from None
        status = process.returncode
        if status != 0:
            how = f"signal {-status}" if status < 0 else f"status {status}"
            last = next(iter(err.strip().splitlines()[-1:]), "")
            raise ProgramFailed(f"{self.path.name} ended with {how}: {last}")
        return out

    def names(self) -> list[Name]:
        """Returns what it has, in the order in which it would run them."""
        lines = self._run("--benchmark_list_tests").splitlines()
        return [Name.read(line) for line in lines]

    def sample(self, names: Sequence[Name]) -> list[Sample]:
        """Runs these once, one after the other."""
        chosen = "|".join(re.escape(str(name)) for name in names)
        out = self._run(
            f"--benchmark_filter=^({chosen})(/|$)", "--benchmark_format=json"
        )
        try:
            return read_samples(out)
        except (ValueError, KeyError) as error:
            raise ProgramFailed(
                f"{self.path.name} printed no figures: {error!r}"
            ) from error

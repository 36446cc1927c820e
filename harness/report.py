"""What a course found, and its forms for machines: JSON and JUnit XML."""

import dataclasses
import json
import pathlib
import re
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from harness.run import Run

OK, FAILED, SKIPPED = "ok", "failed", "skipped"


@dataclasses.dataclass(frozen=True)
class Check:
    """One check of a lab, and the runs that it made."""

    name: str
    status: str
    duration_s: float
    detail: str = ""
    runs: tuple[Run, ...] = ()
    kind: str = ""  # Of what failed first: one of expect.KINDS.


@dataclasses.dataclass
class LabReport:
    """All checks of a lab."""

    lab: str
    question: str
    checks: list[Check] = dataclasses.field(default_factory=list)
    duration_s: float = 0

    @property
    def failed(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if check.status == FAILED]

    @property
    def skipped(self) -> list[Check]:
        """The checks that could not be made here."""
        return [check for check in self.checks if check.status == SKIPPED]

    @property
    def verdict(self) -> tuple[str, str]:
        """The status of all checks, and words for it."""
        if self.failed:
            return FAILED, f"{len(self.failed)} failed"
        if self.skipped:
            return SKIPPED, f"{len(self.skipped)} skipped"
        return OK, "passed"


@dataclasses.dataclass
class CourseReport:
    """All labs of a course."""

    labs: list[LabReport]
    duration_s: float = 0

    @property
    def worlds(self) -> list[str]:
        """Which worlds the runs had, each once."""
        found = {
            run.world: None
            for lab in self.labs
            for check in lab.checks
            for run in check.runs
        }
        return list(found)

    @property
    def verdict(self) -> tuple[str, str]:
        """The status of all labs, and words for it."""
        failed = sum(len(lab.failed) for lab in self.labs)
        skipped = sum(len(lab.skipped) for lab in self.labs)
        words = f"{failed} failed" if failed else "all passed"
        if skipped:
            words = f"{failed} failed, {skipped} skipped, the others passed"
        return FAILED if failed else SKIPPED if skipped else OK, words


def to_json(course: CourseReport) -> str:
    """Returns the report as one JSON document."""
    document = {
        "passed": not any(lab.failed for lab in course.labs),
        "verdict": course.verdict[0],
        "duration_s": round(course.duration_s, 3),
        "worlds": course.worlds,
        "labs": [
            {
                "lab": lab.lab,
                "question": lab.question,
                "verdict": lab.verdict[0],
                "duration_s": round(lab.duration_s, 3),
                "checks": [dataclasses.asdict(check) for check in lab.checks],
            }
            for lab in course.labs
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def to_junit(course: CourseReport) -> str:
    """Returns the report as JUnit XML: a suite per lab, a case per check."""
    suites = ElementTree.Element(
        "testsuites", _totals(c for lab in course.labs for c in lab.checks)
    )
    suites.set("name", "IPC Labs")
    suites.set("time", f"{course.duration_s:.3f}")
    for lab in course.labs:
        suite = ElementTree.SubElement(
            suites, "testsuite", {"name": lab.lab, **_totals(lab.checks)}
        )
        suite.set("time", f"{lab.duration_s:.3f}")
        for check in lab.checks:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                {
                    "classname": f"labs.{lab.lab}",
                    "name": xml_text(check.name),
                    "time": f"{check.duration_s:.3f}",
                },
            )
            if check.status == SKIPPED:
                ElementTree.SubElement(
                    case, "skipped", {"message": xml_text(check.detail)}
                )
            elif check.status != OK:
                detail = xml_text(check.detail)
                message = detail.partition("\n")[0]
                ElementTree.SubElement(
                    case, "failure", {"message": message}
                ).text = detail
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _totals(checks: Iterable[Check]) -> dict[str, str]:
    statuses = [check.status for check in checks]
    return {
        "tests": str(len(statuses)),
        "failures": str(statuses.count(FAILED)),
        "errors": "0",
        "skipped": str(statuses.count(SKIPPED)),
    }


def xml_text(text: str) -> str:
    """Replaces what no XML document may contain, such as control characters."""
    return re.sub(
        "[^\t\n\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]",
        lambda match: f"\\x{ord(match[0]):02x}",
        text,
    )


def display_command(run: Run) -> str:
    """Returns the command without the path of this machine."""
    program = pathlib.PurePath(run.command[0])
    return " ".join([program.name, *run.command[1:]])


def count(items: Sequence[object], word: str) -> str:
    """Returns "1 check", "2 checks" or the like."""
    return f"{len(items)} {word}{'' if len(items) == 1 else 's'}"

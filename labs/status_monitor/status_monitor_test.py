"""Proves what the chapter on the status monitor promises."""

import re

from harness import lab

# How each site must be called, in the lab and in its wrong variants.
_STATUS = {
    "broken.test": "error-500",
    "empty.test": "online",
    "fine.test": "online",
    "forged.test": "untrusted",
    "missing.test": "error-404",
    "moved.test": "moved-301",
    "new.test": "online",
    "nowhere.invalid": "unresolvable",
    "refused.test": "refused",
    "silent.test": "timeout",
    "slow.test": "slow",
}
_CHECK = re.compile(r"Status is (\S+) \(Response time: (\S+) ms\)")
_HEAD = re.compile(r"===== SERVER STATUS REPORT, ROUND (\d+) =====")
_SUMMARY = re.compile(r"- (\S+): (\d+) server\(s\)")
_DETAIL = re.compile(r"- (\S+): (\S+), (\S+) ms(?: \(.*\))?")


def _reports(texts: list[str]) -> list[tuple[int, list[str]]]:
    """Returns the round and the lines of each report."""
    reports: list[tuple[int, list[str]]] = []
    for text in texts:
        if head := _HEAD.fullmatch(text):
            reports.append((int(head[1]), []))
        elif reports:
            reports[-1][1].append(text)
    return reports


def _details(lines: list[str]) -> dict[str, str]:
    """Returns the status of each server in a report."""
    found = (_DETAIL.fullmatch(line) for line in lines)
    return {m[1]: m[2] for m in found if m}


class StatusMonitorTest(lab.LabTest):
    """A monitor for each server, and one table of them all."""

    compared_numbers = {
        "the lab plays {} rounds": lab.Source(
            "main.cc", "int round_count = {};"
        ),
        "is removed after round {},": lab.Source(
            "main.cc", "kRemoveAfter = {};"
        ),
        "the {} others finish": lab.Lines(
            r"Monitor for (?!silent|new).*: Started"
        ),
        "delays its answer by {} ms": lab.Source(
            "sites.cc", "kSlowMinS = {};", 1000
        ),
        "counted as slow after {} ms": lab.Source(
            "sites.cc", "kSlowAfterMinS = {};", 1000
        ),
        "gives up on the silent site after {} ms": lab.Source(
            "sites.cc", "kLimitMinS = {};", 1000
        ),
        "All other sites get {} seconds": lab.Source(
            "sites.cc", "kPatienceS = {};"
        ),
        "gives up on it {} seconds after its limit": lab.Source(
            "control.cc", "kPatienceS = {};"
        ),
    }
    wrong = {
        "all_offline": lab.Caught(
            by="output", saying="missing.test is offline, not error-404"
        ),
        "back_again": lab.Caught(
            by="output", saying="missing.test is back: Monitor for missing"
        ),
        "no_timeout": lab.Caught(
            by="hang", saying="Monitor for silent.test waits in read"
        ),
    }

    tolerates = {
        "Monitor for .*": "Control hangs up on it, and kills it if it lives on"
    }

    def check(self, run: lab.Run) -> None:
        """Each status is right, each time is one, and removed means gone."""
        for line in run.lines:
            name = line.speaker.removeprefix("Monitor for ")
            if found := _CHECK.fullmatch(line.text):
                self.assertEqual(
                    found[1],
                    _STATUS.get(name, found[1]),
                    f"{name} is {found[1]}, not {_STATUS.get(name)}",
                )
                about = f"{name} has answered in no time: {line.raw}"
                self.assertGreater(float(found[2]), 0, about)
        for removed in self.captures(
            run, r"^Control: (Removed monitor for \S+ after round \d+)"
        ):
            self._check_removed(run, removed)
        for speaker in ("Reporter", "Control"):
            for _, lines in _reports(run.said(speaker)):
                self._check_report(lines)

    def _check_removed(self, run: lab.Run, removed: str) -> None:
        """No check after it, and no entry in a report of a later round."""
        name, last_round = re.findall(r"for (\S+) after round (\d+)", removed)[
            0
        ]
        gone = False
        round_number = 0
        for line in run.lines:
            gone = gone or line.raw == f"Control: {removed}"
            if head := _HEAD.fullmatch(line.text):
                round_number = int(head[1])
            about = f"{name} is back: {line.raw}"
            if gone and line.speaker == f"Monitor for {name}":
                self.assertFalse(_CHECK.fullmatch(line.text), about)
            elif round_number > int(last_round):
                self.assertFalse(line.text.startswith(f"- {name}:"), about)

    def _check_report(self, lines: list[str]) -> None:
        counts: dict[str, int] = {}
        for name, status in _details(lines).items():
            self.assertEqual(status, _STATUS.get(name, status), name)
            counts[status] = counts.get(status, 0) + 1
        summary = {
            m[1]: int(m[2])
            for m in (_SUMMARY.fullmatch(line) for line in lines)
            if m
        }
        if summary:
            self.assertEqual(counts, summary, lines)

    def test_servers_come_and_go_while_it_runs(self) -> None:
        """One is added after round 2, one is removed after round 4."""
        run = self.run_lab()
        reports = dict(_reports(run.said("Reporter")))
        self.assertEqual(list(reports), [2, 4, 6])
        first = set(_STATUS) - {"new.test"}
        self.assertEqual(set(_details(reports[2])), first)
        self.assertEqual(set(_details(reports[4])), set(_STATUS))
        last = set(_STATUS) - {"missing.test"}
        self.assertEqual(set(_details(reports[6])), last)
        for name in _STATUS:
            checks = run.said(f"Monitor for {name}")
            count = 4 if name in ("new.test", "missing.test") else 6
            self.assertEqual(checks[0], "Started")
            self.assertEqual(len(checks) - 1, count, name)

    def test_the_time_of_a_late_answer_is_not_less_than_the_wait(self) -> None:
        """After 30 ms, or given up after 50, as libcurl counts them."""
        run = self.run_lab("--rounds=1")
        for name, least_ms in (("slow.test", 30), ("silent.test", 48)):
            text = run.said(f"Monitor for {name}")[1]
            found = _CHECK.fullmatch(text)
            assert found, text
            self.assertGreaterEqual(float(found[2]), least_ms, text)

    def test_no_proxy_is_asked_for_a_server_of_its_own(self) -> None:
        """Whatever the environment says: there is nobody at port 1."""
        proxy = "http://127.0.0.1:1"
        names = ("http_proxy", "https_proxy", "all_proxy")
        run = self.run_lab(
            "--rounds=2",
            env={
                name: proxy
                for name in (*names, *(name.upper() for name in names))
            }
            | {"no_proxy": "", "NO_PROXY": ""},
        )
        (report,) = _reports(run.said("Reporter"))
        for name, status in _details(report[1]).items():
            self.assertEqual(status, _STATUS[name], name)

    def test_other_servers_may_be_given(self) -> None:
        """By their URLs, and then nothing is added or removed."""
        run = self.run_lab(
            "--servers=http://127.0.0.1:1,http://nowhere.invalid",
            "--rounds=2",
            env={"no_proxy": "*"},
        )
        (report,) = _reports(run.said("Reporter"))
        self.assertEqual(
            _details(report[1]),
            {"127.0.0.1:1": "refused", "nowhere.invalid": "unresolvable"},
        )

    def test_a_server_that_is_not_a_url_gets_one_clear_line(self) -> None:
        """Before anything is started."""
        run = self.run_program(self.program(), "--servers=example.com")
        self.assertEqual((run.status, run.lines), (2, ()))
        self.assertIn("example.com", run.stderr)


if __name__ == "__main__":
    lab.main()

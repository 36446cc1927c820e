"""Proves what the chapter on the chat promises."""

import dataclasses
import re

from harness import lab

_HISTORY = 20
_NAMES = ("Alice", "Bob", "Charlie", "Dave", "Eve", "Frank", "Grace", "Heidi")
_ENTRY = re.compile(r"\[(\w+) (\d+)\] (.*)")
_ROOM = re.compile(
    r"- (\w+): (\d+) members?, (\d+) messages?, (\d+) joined, (\d+) left"
)
_REPORT = "===== CHAT SYSTEM REPORT ====="


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of a room."""

    room: str
    number: int
    text: str


@dataclasses.dataclass
class Stay:
    """What a member of a room gets, from the room's history until it leaves."""

    entries: list[Entry]
    end: str | None = None  # Why it left; None while it is there.


def _acts(run: lab.Run) -> list[dict[str, list[str]]]:
    """Returns what each speaker said, act by act."""
    acts: list[dict[str, list[str]]] = [{}]
    for line in run.lines:
        if line.raw.startswith("Main: Act 2"):
            acts.append({})
        acts[-1].setdefault(line.speaker, []).append(line.text)
    return acts


def _entries(texts: list[str]) -> list[Entry]:
    found = (_ENTRY.fullmatch(text) for text in texts)
    return [Entry(m[1], int(m[2]), m[3]) for m in found if m]


def _stays(log: list[Entry], name: str) -> list[Stay]:
    """Returns the stays of a user in the room of `log`."""
    stays: list[Stay] = []
    for i, entry in enumerate(log):
        if entry.text == f"System: {name} has joined the room":
            stays.append(Stay(log[max(0, i - _HISTORY) : i + 1]))
        elif stays and stays[-1].end is None:
            stays[-1].entries.append(entry)
            left = f"System: {name} has left the room"
            if entry.text.startswith(left):
                stays[-1].end = entry.text.removeprefix(left)
    return stays


class ChatTest(lab.LabTest):
    """Users, rooms, and which messages each user gets."""

    compared_numbers = {
        "the last {} before this entry": lab.Source(
            "server.cc", "kHistory = {};"
        ),
    }
    wrong = {
        "blocking_send": lab.Caught(
            by="hang", saying=r"Server waits .*(User Charlie|Connection)"
        ),
        "client_order": lab.Caught(
            by="output",
            saying=r"\[general 1\] is 'System: (Alice|Bob) has joined",
        ),
        "copied_members": lab.Caught(
            by="output",
            saying="general has 0 members, 0 messages in the last report, "
            "and 2 entries",
        ),
        "delivers_to_all": lab.Caught(
            by="output", saying=r"User (Alice|Bob) got \[\w+ 1\], not a member"
        ),
    }

    explored = (
        lab.Explored({"Alice is 1, Bob is 2": 140, "Alice is 2, Bob is 1": 84}),
        lab.Explored({"Alice is 1, Bob is 1": 8}, variant="copied_members"),
    )

    def _check_told_first(self, run: lab.Run) -> None:
        """The server prints an entry before any user does."""
        told: set[tuple[str, str]] = set()
        for line in run.lines:
            if line.raw.startswith("Main: Act 2"):
                told.clear()
            entry = _ENTRY.fullmatch(line.text)
            if entry and line.speaker == "Server":
                told.add((entry[1], entry[2]))
            elif entry and told and line.speaker.startswith("User "):
                self.assertIn((entry[1], entry[2]), told, line.raw)

    def check(self, run: lab.Run) -> None:
        """Members get all entries of their rooms in order; reports add up."""
        self._check_told_first(run)
        for act in _acts(run):
            self._check_reports(act)
            self._check_order(act)
            for speaker in act:
                if speaker.startswith("User "):
                    self._check_user(act, speaker)
        for counts in self.captures(run, "Main: (.*) received"):
            delivered, received = counts.split(" messages delivered, ")
            self.assertEqual(delivered, received)

    def _check_reports(self, act: dict[str, list[str]]) -> None:
        """A report shows one instant, and the last report shows the end."""
        for texts in act.values():
            for report in "\n".join(texts).split(_REPORT)[1:]:
                self._check_report(report)
        log = _entries(act.get("Server", []))
        last = [*act.get("Main", []), *act.get("Server", [])]
        for room, members, count, *_ in _ROOM.findall("\n".join(last)):
            entries = sum(entry.room == room for entry in log)
            self.assertEqual(
                int(count),
                entries,
                f"{room} has {members} members, {count} messages in the last "
                f"report, and {entries} entries",
            )

    def _check_report(self, report: str) -> None:
        rooms = _ROOM.findall(report)
        for room, members, _, joined, left in rooms:
            about = f"{room}: {members} members of {joined} - {left}"
            self.assertEqual(int(members), int(joined) - int(left), about)
        active = re.findall(r"- \w+: Active in (\d+) rooms?\b", report)
        self.assertEqual(
            sum(int(members) for _, members, *_ in rooms),
            sum(int(count) for count in active),
            f"members by room, and by user:\n{report}",
        )

    def _check_order(self, act: dict[str, list[str]]) -> None:
        """One entry for each number, and no number without one."""
        seen: dict[tuple[str, int], tuple[str, str]] = {}
        for speaker, texts in act.items():
            for entry in _entries(texts):
                place = (entry.room, entry.number)
                text, whose = seen.setdefault(place, (entry.text, speaker))
                self.assertEqual(
                    text,
                    entry.text,
                    f"[{entry.room} {entry.number}] is {text!r} to {whose} "
                    f"and {entry.text!r} to {speaker}",
                )
        log = _entries(act.get("Server", []))
        for room in sorted({entry.room for entry in log}):
            numbers = [entry.number for entry in log if entry.room == room]
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)), room)

    def _check_user(self, act: dict[str, list[str]], speaker: str) -> None:
        """It got what its rooms got while it was there, and nothing else."""
        texts = act[speaker]
        log = _entries(act.get("Server", []))
        got = _entries(texts)
        for room in sorted({entry.room for entry in [*log, *got]}):
            of_room = [entry for entry in log if entry.room == room]
            stays = _stays(of_room, speaker.removeprefix("User "))
            due = [entry for stay in stays for entry in stay.entries]
            here = [entry for entry in got if entry.room == room]
            for entry in here:
                about = f"{speaker} got [{room} {entry.number}], not a member"
                self.assertIn(entry, due, about)
            if stays and stays[-1].end:  # It did not leave by itself.
                due = due[: len(here)]
            if got:
                self.assertEqual(here, due, f"{speaker} in {room}")
            left = re.findall(
                rf"Left room '{room}'.*, got (\d+) to (\d+)", "\n".join(texts)
            )
            ends = [
                (str(stay.entries[0].number), str(stay.entries[-1].number))
                for stay in stays
                if stay.end == ""
            ]
            self.assertEqual(left, ends, f"{speaker} left {room}")

    def test_all_users_get_what_their_rooms_get(self) -> None:
        """Each entry of each of the eight, compared with the server's."""
        run = self.run_lab("--users=8", "--show=8", "--actions=10")
        act = _acts(run)[0]
        for name in _NAMES:
            self.assertTrue(_entries(act[f"User {name}"]), name)
        self.check(run)

    def test_in_the_end_all_users_have_left_and_all_are_counted(self) -> None:
        """By the final report, which the guide never reaches."""
        run = self.run_lab("--users=8")
        texts = _acts(run)[0]["Main"]
        report = texts[texts.index(_REPORT) :]
        self.assertIn("Registered Users: 8", report)
        for name in _NAMES:
            self.assertIn(f"- {name}: Active in 0 rooms", report)
        for room, members, _, joined, left in _ROOM.findall("\n".join(report)):
            joins = self._count_entries(run, room, "joined")
            self.assertEqual(
                (members, int(joined), int(left)), ("0", joins, joins), room
            )

    def _count_entries(self, run: lab.Run, room: str, word: str) -> int:
        return sum(
            entry.room == room and f"has {word} the room" in entry.text
            for entry in _entries(_acts(run)[0]["Server"])
        )

    def test_users_join_chat_switch_and_leave(self) -> None:
        """They join as many rooms as announced, and leave all of them."""
        run = self.run_lab("--users=8", "--actions=0", "--reports=0")
        for name in _NAMES:
            texts = _acts(run)[0][f"User {name}"]
            count = re.fullmatch(
                r"Starting up, will join ([123]) rooms", texts[0]
            )
            assert count, texts[0]
            joined = [t for t in texts if t.startswith("Joined room")]
            left = [t for t in texts if "(finishing)" in t]
            self.assertEqual(
                [len(joined), len(left)], [int(count[1])] * 2, texts
            )
            self.assertEqual(texts[-1], "All done")

    def test_the_seed_decides_what_each_user_does(self) -> None:
        """Everything except which user speaks first."""
        did = []
        for _ in range(2):
            act = _acts(self.run_lab("--users=8", "--seed=11", "--show=0"))[0]
            did.append(
                {
                    name: [re.sub(", got.*", "", text) for text in texts]
                    for name, texts in act.items()
                    if name.startswith("User ")
                }
            )
        self.assertEqual(did[0], did[1])

    def test_users_that_are_killed_or_do_not_read_leave(self) -> None:
        """Act 2: for two different reasons, and the chat continues."""
        run = self.run_lab()
        act = _acts(run)[1]
        log = [entry.text for entry in _entries(act["Server"])]
        killed = log.index("System: Bob has left the room: connection closed")
        slow = log.index("System: Charlie has left the room: too slow")
        self.assertLess(killed, slow)
        self.assertIn("Alice: Are you asleep?", log[slow:])
        self.assertEqual(
            act["User Bob"][0], "Refused in 'general': not a member"
        )
        charlie = act["User Charlie"]
        after = charlie[charlie.index("Stops reading") :]
        self.assertGreater(len(_entries(after)), 0)
        self.assertEqual(after[-1], "Was disconnected")
        report = _ROOM.findall("\n".join(act["Main"]))
        self.assertEqual(
            report, [("general", "0", str(len(log)), "3", "3")], act["Main"]
        )


if __name__ == "__main__":
    lab.main()

"""You are the scheduler of a lab: bazel run //harness:play -- <lab>.

    bazel run //harness:play -- counter_without_lock --workers=3

You choose which process moves next, and try to reach what should not happen in
as few switches as possible. The processes are real ones: each move plays the
whole schedule again, with fresh processes.
"""

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

from harness import explored, program, subject, transcript
from harness.game import Game, survey
from harness.screen import Screen, is_terminal
from harness.transcript import WIDTH, count, letter_of, switches

_ROWS = 24
_SCHEDULES_MAX = 2000
_NAME_COLUMNS_MAX = 20
_PROMPT = "a letter, u(ndo), r(estart), h(int), goal, ?, q(uit) "
_GOALS_AT_FIRST = 5
_GOALS_MAX = 18
_CLEAR = "\x1b[H\x1b[2J"

_HELP = """\
  A        process A takes its next step; a does the same
  ABBA     several steps, as the explorer writes them; a small letter kills
  kill A   process A dies where it is, if --kills allows it; -A for short
  u        undo the last choice
  r        restart
  h        hint: what to do next, if the best way known is still open
  goal     list the goals; goal 2 chooses another one
  ?        this help
  q        quit; so does the end of the input

A, B, ... are processes; use a capital where a command has that letter. A switch
is a step of another process than the step before; the fewest switches win."""

_EPILOG = (
    """\
Other flags go to the lab; after a second -- all flags do.

Commands, each on a line of its own:
"""
    + _HELP
)


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Reads the command line; also returns the flags of the lab."""
    parser = subject.Parser(
        "play",
        "You are the scheduler: choose which process of a lab moves next, and\n"
        "reach what should not happen, in as few switches as possible.",
        _EPILOG,
    )
    parser.add_argument(
        "--max-schedules",
        type=subject.number,
        default=_SCHEDULES_MAX,
        metavar="N",
        help=f"explore N schedules to find goals ({_SCHEDULES_MAX})",
    )
    options, flags = parser.read(arguments)
    if not options.lab:
        parser.error("which lab? explore --list shows what there is")
    return options, flags


# What is shown.


def shorten(text: str, width: int) -> str:
    """Cuts a text that is too long for a line."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _tail(text: str, width: int) -> str:
    return text if len(text) <= width else f"...{text[3 - width :]}"


def _or_none(words: str) -> str:
    return words or "-"


class Table:
    """Shows a game: on a terminal one screen, else line after line."""

    def __init__(self, game: Game, title: str, screen: Screen, out: IO[str]):
        self._game = game
        self._title = title
        self._screen = screen
        self._out = out
        self._live = is_terminal(out)

    def show(self, message: str) -> None:
        """Shows where the game stands, with a message below it."""
        told = ["", *message.splitlines()] if message else []
        self._game.look_ahead()
        lines = self._head()
        if self._game.now["kind"]:
            lines += self._end(_ROWS - 2 - len(lines) - len(told))
        else:
            lines += self._middle(_ROWS - 2 - len(lines) - len(told))
        self.page([*lines, *told])

    def page(self, lines: Sequence[str]) -> None:
        """Shows some lines, alone on the screen, and asks for a command."""
        clear, prompt = (_CLEAR, _PROMPT) if self._live else ("", "")
        text = "\n".join(lines)
        self._out.write(f"{clear}{text}\n{prompt}> ")
        self._out.flush()

    def echo(self, command: str) -> None:
        """Shows a command that no terminal has shown."""
        if not self._live:
            self._out.write(f"{command}\n\n")

    def _head(self) -> list[str]:
        game = self._game
        goal = "none: nothing wrong can be reached; see why"
        if not game.complete:
            goal = "none: nothing wrong is known"
        par = ""
        if game.goal:
            about = "par" if game.complete else "best known"
            par = f"{about} {count(game.goal.par, 'switch')}"
            goal = game.goal.title
            expected = [one for one in game.goals if not one.wrong]
            if game.goal.wrong and len(expected) == 1:
                goal += f" (expected: {expected[0].text})"
        room = WIDTH - len("Goal: ") - 2 - len(par)
        done = count(switches(game.schedule), "switch")
        schedule = _tail(_or_none(game.schedule), WIDTH - 15 - len(done))
        return [
            self._screen.paint("bold", shorten(self._title, WIDTH)),
            f"Goal: {shorten(goal, room):{room}}  {par}".rstrip(),
            f"Schedule: {schedule} ({done})",
            "",
        ]

    def _middle(self, room: int) -> list[str]:
        """Returns the processes, what is shared, and the last step."""
        lines = self._processes()
        lines += ["", *self._shared()]
        last = self._last_step()
        spare = room - len(lines) - 1
        if last and spare > 1:
            lines += ["", *last[: spare - 1]]
        return self._cut(lines, room)

    def _processes(self) -> list[str]:
        game, now = self._game, self._game.now
        width = min(max(map(len, game.names)), _NAME_COLUMNS_MAX)
        lines = []
        for i, process in enumerate(now["processes"]):
            letter = letter_of(i)
            name = shorten(process["name"], width)
            where = process["place"]
            if process["state"] == "waiting":
                where = f"waits for {where}"
            elif process["state"] == "finished":
                where = f"finished ({where})"
            text = where
            if letter in now["options"]:
                text += f" -> {self._next(letter)}"
                shown = self._screen.paint("good", letter)
            else:
                shown = " "
            if letter.lower() in now["options"]:
                text += f"  [or -{letter}]"
            room = WIDTH - width - 6
            lines.append(f"  {shown} {name:{width}}  {shorten(text, room)}")
        return lines

    def _next(self, letter: str) -> str:
        taken = self._game.next_step(letter)
        words = [transcript.place(taken["to"]), *transcript.deeds(taken)]
        return "; ".join(words)

    def _shared(self) -> list[str]:
        game = self._game
        views = _views(game.now)
        if not views:
            return ["(nothing of what they share is shown)"]
        before = _views(game.state(game.schedule[:-1])) if game.schedule else ()
        told = transcript.state(views, before or None, WIDTH)
        return ["Shared:", *told]

    def _last_step(self) -> list[str]:
        steps = self._game.now["steps"]
        if not steps:
            return []
        return [
            "Last:",
            *(
                f"  {line}"
                for line in transcript.step(
                    steps[-1], self._game.names, WIDTH - 2
                )
            ),
        ]

    def _end(self, room: int) -> list[str]:
        """Returns how it has ended, and as much of the way as fits."""
        now = self._game.now
        judgement = self._judgement()
        lines = transcript.ending(now["kind"], now["text"])
        lines = self._cut(lines, room - len(judgement)) + judgement
        way = ["", *transcript.replay(now, self._screen)]
        return lines + self._cut(way, room - len(lines))

    def _cut(self, lines: list[str], room: int) -> list[str]:
        """Leaves out, on a terminal, what does not fit."""
        if not self._live or len(lines) <= room:
            return lines
        return [*lines[: room - 1], "  ..."] if room > 0 else []

    def _judgement(self) -> list[str]:
        game = self._game
        done = switches(game.schedule)
        if not game.goal:
            return []
        if not game.won():
            return ["That is not the goal. u takes a choice back, r restarts."]
        told = f"You have reached the goal in {count(done, 'switch')}"
        par = game.goal.par
        if done < par:
            told += f": fewer than the {par} that were known!"
        elif done > par:
            told += f"; {par} are enough. Can you find out how?"
        elif game.complete:
            told += ", and no way has fewer. Well played!"
        else:
            told += ", and no way with fewer is known. Well played!"
        return [self._screen.paint("good", told)]


def _views(state: Mapping[str, Any]) -> transcript.Views:
    steps = state["steps"]
    views: transcript.Views = (
        steps[-1]["views"] if steps else state["first_views"]
    )
    return views


def goal_lines(game: Game, limit: int) -> list[str]:
    """Returns the list of goals, each in one line."""
    lines = []
    for i, goal in enumerate(game.goals[:limit], 1):
        mark = "*" if goal == game.goal else " "
        note = "" if goal.wrong else "  (as expected)"
        par = count(goal.par, "switch")
        room = WIDTH - len(par) - len(note) - 9
        lines.append(f"{mark} {i:2}  {shorten(goal.title, room)}, {par}{note}")
    if len(game.goals) > limit:
        lines.append(f"  ... and {count(len(game.goals) - limit, 'goal')} more")
    return lines


def answer(game: Game, command: str) -> tuple[str, bool]:
    """Obeys a line; returns what to print, and whether that is help."""
    word, _, rest = command.partition(" ")
    rest = rest.strip()
    simple = {"u": game.undo, "h": game.hint}
    names = {"undo": "u", "hint": "h", "help": "?", "restart": "r"}
    word = names.get(word, word)
    if word in simple and not rest:
        return simple[word](), False
    if word == "r" and not rest:
        game.schedule = ""
        return "", False
    if word == "?":
        return _HELP, True
    if word == "goal":
        return _choose_goal(game, rest)
    if word == "kill" and len(rest) == 1 and rest.isalpha():
        return game.choose(rest.lower()), False
    if len(word) == 2 and word[0] == "-" and word[1].isalpha() and not rest:
        return game.choose(word[1].lower()), False
    if not rest and word.isascii() and word.isalpha():
        if len(word) == 1:
            return game.choose(word.upper()), False
        if word[0].isupper():
            return game.choose(word), False
    return f"there is no command {shorten(command, 30)!r}; ? shows all", False


def _choose_goal(game: Game, rest: str) -> tuple[str, bool]:
    if rest:
        if not rest.isdecimal() or not 1 <= int(rest) <= len(game.goals):
            return f"there is no goal {rest}; goal lists them", False
        game.goal = game.goals[int(rest) - 1]
        return "", False
    return "\n".join(goal_lines(game, _GOALS_MAX)), True


def play(game: Game, table: Table, lines: IO[str], message: str) -> None:
    """Plays until the input ends or says q."""
    table.show(message)
    for line in lines:
        command = line.strip()
        table.echo(command)
        if command in ("q", "quit"):
            return
        if not command:
            table.show("")
            continue
        told, alone = answer(game, command)
        if alone:
            table.page([*told.splitlines(), "", "Press Enter to continue."])
        else:
            table.show(told)


def start(arguments: Sequence[str], out: IO[str], lines: IO[str]) -> int:
    """Plays a game; returns the exit status.

    Raises:
      subject.WrongUsage, explored.Refused: it cannot be played.
    """
    options, flags = parse(arguments)
    what = subject.find(options.root, options.lab, flags, options.scenario)
    request: dict[str, Any] = {"inner": True} if options.inner else {}
    if options.kills is not None:
        request["kills"] = options.kills
    screen = Screen(out)
    found = survey(what, request, options.max_schedules, screen)
    game = Game(what, request, found)
    told = ["You are the scheduler. Type a letter, then Enter; ? for help."]
    if not found.complete:
        told.append(
            f"Only {count(found.schedules, 'schedule')} were explored: "
            "there may be better ways, and other outcomes."
        )
    if len(game.goals) > 1:
        told += ["Goals, with the number of switches:"]
        told += goal_lines(game, _GOALS_AT_FIRST)
    table = Table(game, f"{what.title}, {what.scenario['name']}", screen, out)
    play(game, table, lines, "\n".join(told))
    out.write("\n")
    return 0


def main(arguments: Sequence[str]) -> int:
    """Plays; returns the exit status."""
    try:
        return start(arguments, sys.stdout, sys.stdin)
    except KeyboardInterrupt:
        print("\nplay: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except (subject.WrongUsage, explored.Refused) as error:
        return subject.refuse("play", error)


if __name__ == "__main__":
    program.start("play", main)

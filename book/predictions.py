"""Questions of the book: which of these can come out?

The choices are those of harness/predict.py, with a fixed seed, so that the book
is the same each time. The key comes from the recorded exploration: a choice
that can come out has a schedule there, which the page plays.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from book import explorations
from harness import exercises, explored, predict

SEED = 1
# With fewer choices there is nothing to ask.
_CHOICES_MIN = 2


def _declared(
    candidates: Sequence[explored.Explored], one: explorations.Wanted
) -> explored.Explored | None:
    """Returns the declared exploration that was recorded."""
    for wanted in candidates:
        same = (
            wanted.variant == one.variant
            and wanted.scenario == one.scenario
            and tuple(wanted.flags) == one.flags
            and wanted.request.get("kills") == one.kills
        )
        if same and not wanted.request.get("inner"):
            return wanted
    return None


def choices_of(
    question: predict.Question, outcomes: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Returns the choices, each with what the recording says of it.

    A choice is {"letter", "label", "witness", "count"}; the witness of one that
    cannot come out is None, and its count 0.
    """
    recorded = {explored.label(outcome): outcome for outcome in outcomes}
    found = []
    for choice in question.choices:
        outcome = recorded.get(choice.label)
        found.append(
            {
                "letter": choice.letter,
                "label": choice.label,
                "witness": outcome["witness"] if outcome else None,
                "count": outcome["count"] if outcome else 0,
            }
        )
        if (choice.witness is None) != (outcome is None):
            raise AssertionError(
                f"{question.lab}: {choice.label}: the recording and the"
                " explorer differ"
            )
    return found


def ask(
    root: pathlib.Path,
    one: explorations.Wanted,
    program: str,
    recording: Mapping[str, Any],
    seed: int = SEED,
) -> tuple[list[dict[str, Any]], str]:
    """Returns the choices of a question, and what an outcome tells.

    Without choices there is nothing to ask. What cannot come out is known only
    if every order was recorded.

    Raises:
      explored.Refused: the program does not answer.
    """
    if not recording["complete"] or recording["preemptions"] is not None:
        return [], ""
    candidates = predict.candidates(root, one.lab)
    wanted = _declared(candidates, one)
    if wanted is None:
        return [], ""
    asked = exercises.asked(root / "labs" / one.lab)
    question = predict.ask(one.lab, wanted, candidates, program, seed, asked)
    if question is None:
        return [], ""
    choices = choices_of(question, recording["outcomes"])
    return (choices if len(choices) >= _CHOICES_MIN else []), question.means


def add(
    root: pathlib.Path,
    one: explorations.Wanted,
    program: str,
    recording: dict[str, Any],
) -> None:
    """Gives a recording its question, as "prediction" and "means".

    Raises:
      explored.Refused: the program does not answer.
    """
    recording["prediction"], recording["means"] = ask(
        root, one, program, recording
    )

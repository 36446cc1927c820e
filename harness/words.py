"""Says in words what a plain assertion of a lab's test has found.

Of `self.assertLessEqual(len(waiting), 1)` unittest says "2 not less than or
equal to 1". A student needs to know what was counted, in which program, and
what that has printed.
"""

import difflib
import linecache
import pathlib
import re
import textwrap
import traceback
from collections.abc import Sequence

# What unittest says of values, and how that is said here.
_SENTENCES = (
    (
        r"(.+?) not less than or equal to (.+?)",
        "it is {}, and must be at most {}",
    ),
    (
        r"(.+?) not greater than or equal to (.+?)",
        "it is {}, and must be at least {}",
    ),
    (r"(.+?) not less than (.+?)", "it is {}, and must be less than {}"),
    (r"(.+?) not greater than (.+?)", "it is {}, and must be more than {}"),
    (r"(.+?) != (.+?)", "it is {}, but {} was expected"),
    (r"(.+?) == (.+?)", "it is {}, and must not be {}"),
    (r"(.+?) not found in (.+?)", "{} is missing in {}"),
    (r"(.+?) unexpectedly found in (.+?)", "{} must not be in {}"),
    (r"Regex didn't match: (.+?) not found in (.+?)", "{} does not match {}"),
    (r"(.+?) is not true", "this does not hold: it is {}"),
    (r"(.+?) is not false", "this should not hold, but it is {}"),
    (r"(.+?) is not in (?:list|deque)", "{} is not among what was found"),
    # The same since Python 3.14.
    (r"list\.index\(x\): x not in list", "it is not among what was found"),
    (r"unexpectedly None", "there is none"),
    (r"(.+?) is not None", "there should be none, but there is {}"),
)


def sentence(message: str) -> str:
    """Returns what unittest says as a sentence, or as it is."""
    # A message of the test's own follows: "2 != 1 : the queue's size".
    for pattern, words in _SENTENCES:
        match = re.fullmatch(f"{pattern}(?: : ((?s:.*)))?", message)
        if match:
            *values, own = match.groups()
            told = words.format(*values)
            return f"{told} ({own})" if own else told
    return message


def list_differences(found: Sequence[object], wanted: Sequence[object]) -> str:
    """Returns the items of two sequences with GOOD, BAD and MISSING."""
    left, right = [repr(x) for x in found], [repr(x) for x in wanted]
    lines = ["the items are not those that were expected:"]
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for kind, start, end, start_2, end_2 in matcher.get_opcodes():
        if kind == "equal":
            lines += (f"  GOOD    {item}" for item in left[start:end])
        else:
            lines += (f"  BAD     {item}" for item in left[start:end])
            lines += (f"  MISSING {item}" for item in right[start_2:end_2])
    return "\n".join(lines)


def expectation(error: BaseException, folder: pathlib.Path) -> list[str]:
    """Returns the statement of a file in `folder` that has failed."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if pathlib.Path(frame.filename).parent == folder
    ]
    if not frames:
        return []
    last = frames[-1]
    first = last.lineno or 1
    code = "".join(
        linecache.getline(last.filename, number)
        for number in range(first, (last.end_lineno or first) + 1)
    )
    file = pathlib.Path(last.filename).name
    return [
        f"expected by {last.name} in {file}, line {first}:",
        *textwrap.indent(textwrap.dedent(code), "    ").splitlines(),
    ]

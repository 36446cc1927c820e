"""What has been judged already, so that a grader that was killed can go on.

The journal is a file in the output folder, with a JSON object a line. A
judgement is in it, and on the disk, when `add` returns. A grader that is killed
before that leaves at most the beginning of a line, which the next one removes.
"""

import dataclasses
import errno
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from grader import model

FILE = "journal.jsonl"
LOCK = ".lock"


class Busy(Exception):
    """Another grader uses the output folder; says so in one line."""


class Spoiled(Exception):
    """The journal holds what no grader wrote; says where, in one line."""


@dataclasses.dataclass(frozen=True)
class _Key:
    """What a judgement is of.

    digest: of the submission.
    judge: of everything else that the judgement depends on.
    """

    learner: str
    exercise: str
    digest: str
    judge: str


class Journal:
    """The judgements that an output folder keeps.

    It locks the folder, with flock(2), until it is closed or its process has
    ended. A process forked from it holds the lock, too, until it calls
    execve(2): one that does not must end with its parent.

    Raises:
      Busy: another grader has locked the folder.
      Spoiled: a line other than the last is not one of a journal.
      OSError: the folder or the journal cannot be made, read or written.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder)
        self._fd = -1
        self._known: dict[_Key, model.Judgement] = {}
        try:
            self._fd = os.open(
                folder / FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600
            )
            _sync_folder(folder)
            self._end = self._read(folder / FILE)
            os.ftruncate(self._fd, self._end)
            os.fsync(self._fd)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives up the lock; nothing may be added any more."""
        for fd in (self._fd, self._lock):
            if fd >= 0:
                os.close(fd)
        self._fd = self._lock = -1

    def find(
        self, submission: model.Submission, judge: str
    ) -> model.Judgement | None:
        """Returns the newest judgement of a submission, or None.

        Args:
          submission: what was handed in.
          judge: the digest of everything else that a judgement depends on.
        """
        return self._known.get(
            _Key(
                submission.learner,
                submission.exercise,
                submission.digest,
                judge,
            )
        )

    def add(self, judgement: model.Judgement, judge: str) -> None:
        """Keeps a judgement, unless it is BROKEN: that is to be tried again.

        Raises:
          OSError: it could not be written; the journal is as it was.
        """
        if judgement.status == model.BROKEN:
            return
        fields = {"judge": judge, **dataclasses.asdict(judgement)}
        # Surrogates are written as they are: as escapes, two of them would be
        # read as one character.
        text = json.dumps(fields, ensure_ascii=False) + "\n"
        line = text.encode("utf-8", "surrogatepass")
        try:
            _write_all(self._fd, line)
            os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, self._end)
            raise
        self._end += len(line)
        self._keep(judgement, judge)

    def _keep(self, judgement: model.Judgement, judge: str) -> None:
        self._known[_key(judgement, judge)] = judgement

    def take(self, file: pathlib.Path) -> None:
        """Adds what the journal of another output folder has, and this has not.

        Raises:
          Spoiled: a line other than the last is not one of a journal.
          OSError: it cannot be read, or this one cannot be written.
        """
        for judgement, judge, _ in _lines(file):
            if _key(judgement, judge) not in self._known:
                self.add(judgement, judge)

    def _read(self, file: pathlib.Path) -> int:
        """Takes in the file; returns the size of its part that is whole."""
        end = 0
        for judgement, judge, end in _lines(file):
            self._keep(judgement, judge)
        return end


def _key(judgement: model.Judgement, judge: str) -> _Key:
    return _Key(judgement.learner, judgement.exercise, judgement.digest, judge)


def _lines(file: pathlib.Path) -> Iterator[tuple[model.Judgement, str, int]]:
    """Returns judgements, with their judge, and where their lines end.

    The last line may be torn, and is left out then.
    """
    end = 0
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            end += len(line)
            try:
                judgement, judge = _parsed(line)
            except ValueError as error:
                if lines.read(1):
                    raise Spoiled(
                        f"{model.shown(str(file))}, line {number}: {error};"
                        " mend it, or remove the line to have it judged again"
                    ) from None
                return
            yield judgement, judge, end


def _lock(folder: pathlib.Path) -> int:
    fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        if error.errno != errno.EWOULDBLOCK:
            raise
        raise Busy(
            f"another grader writes into {model.shown(str(folder))}; wait for"
            " its end, or choose another folder"
        ) from None
    return fd


def _sync_folder(folder: pathlib.Path) -> None:
    """Puts the names in a folder on the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _parsed(line: bytes) -> tuple[model.Judgement, str]:
    """Returns a judgement and the digest of its judge.

    Raises:
      ValueError: the line is torn, or nonsense.
    """
    if not line.endswith(b"\n"):
        raise ValueError("it is torn")
    try:
        fields = json.loads(line.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    try:
        judge = _typed(fields.pop("judge"), str)
        checks = tuple(_check(each) for each in fields.pop("checks"))
        judgement = model.Judgement(
            checks=checks,
            hints=_texts(fields.pop("hints")),
            suspicions=_texts(fields.pop("suspicions")),
            duration_s=float(_typed(fields.pop("duration_s"), (int, float))),
            **_all_texts(fields),
        )
    except (TypeError, KeyError, AttributeError, OverflowError):
        raise ValueError("it is not a judgement") from None
    if judgement.status not in model.STATUSES:
        raise ValueError("its status is unknown")
    return judgement, judge


def _typed(value: Any, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(value, kind):
        raise TypeError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_typed(each, str) for each in _typed(value, list))


def _all_texts(fields: dict[str, Any]) -> dict[str, str]:
    return {key: _typed(value, str) for key, value in fields.items()}


def _check(fields: Any) -> model.Check:
    processes = _typed(_typed(fields, dict).pop("processes"), int)
    check = model.Check(**_all_texts(fields), processes=processes)
    if check.status not in (model.OK, model.FAILED, model.SKIPPED):
        raise ValueError("the status of a check is unknown")
    return check

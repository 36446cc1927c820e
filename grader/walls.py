"""Which walls stand between a submission and this machine.

    walls = Walls.find()
    for wall in walls.missing: print(wall.name, wall.reason)

Each is tried here and now. What each keeps out is in docs/grading.md.
"""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass

from grader import cell, groups

# The users of cells are none that a machine has: they are far above those of
# people, services and containers.
_USERS_FROM, _RANGES = 1_900_000_000, 3_000
SLOTS_MAX = 64
_TRY_LIMIT_S = 60.0
_MEMORY_BYTES_MAX = 3 << 30


@dataclass(frozen=True)
class Wall:
    """One of the walls: what it is for, and why it does not stand, or ""."""

    name: str
    purpose: str
    reason: str = ""


@dataclass(frozen=True)
class Walls:
    """The walls of this machine; `find` looks which of them stand.

    trees: the control groups that can be limited; none without that wall.
    first_user: where the users of slot 0 begin; 0 without users of their own.
    """

    all: Sequence[Wall]
    trees: Sequence[groups.Tree] = ()
    first_user: int = 0

    @classmethod
    def find(cls) -> "Walls":
        """Tries all walls."""
        first_user = 0
        no_cell = _tried(0)
        no_user = no_cell or "only root can be others"
        if os.getuid() == 0:
            number = random.randrange(_RANGES - SLOTS_MAX)
            first_user = _USERS_FROM + cell.USERS * number
            if no_user := _tried(first_user):
                first_user = 0
        trees, no_groups = groups.find()
        return cls(
            (
                Wall(
                    "cell",
                    "its own files, processes, network and IPC objects",
                    no_cell,
                ),
                Wall(
                    "user",
                    "users of its own, and none with a right here",
                    no_user,
                ),
                Wall(
                    "group",
                    "limits of memory and processes for all of it together",
                    no_groups,
                ),
            ),
            trees,
            first_user,
        )

    @property
    def missing(self) -> list[Wall]:
        """The walls that do not stand."""
        return [wall for wall in self.all if wall.reason]

    @property
    def memory_bytes(self) -> int:
        """How much memory one submission may have."""
        pages = os.sysconf("SC_PHYS_PAGES") // 2
        return min(_MEMORY_BYTES_MAX, pages * os.sysconf("SC_PAGE_SIZE"))

    def users_from(self, slot: int) -> int:
        """Returns where the users of a slot begin; 0 if there are none."""
        assert 0 <= slot < SLOTS_MAX
        return self.first_user and self.first_user + slot * cell.USERS


def _tried(users_from: int) -> str:
    """Returns why no command can run in a cell with these users, or ""."""
    tried = cell.run(
        cell.Cell(
            command=["/bin/true"],
            users_from=users_from,
            user=cell.SUBMITTER if users_from else 0,
            limit_s=_TRY_LIMIT_S,
        )
    )
    if tried.problem or not tried.status:
        return tried.problem
    return tried.said.decode(errors="replace").strip()

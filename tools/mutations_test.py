"""The lists of mistakes fit the tree: each can be planted as it is written."""

import unittest
from pathlib import Path

from tools import mutate

# Not resolved: that of the files that this test is given.
_ROOT = Path(__file__).parent.parent


class MutationsTest(unittest.TestCase):
    """All lists of tools/mutations."""

    def test_each_mistake_can_be_planted(self) -> None:
        lists = mutate.read_lists(_ROOT / "tools" / "mutations", _ROOT)
        self.assertEqual(mutate.problems(lists, _ROOT), [])


if __name__ == "__main__":
    unittest.main()

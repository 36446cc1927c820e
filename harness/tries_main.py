"""The test of a lab's tries: tries_main.py labs/<lab>; see tries.py."""

import pathlib
import sys

from harness import results, tries

if __name__ == "__main__":
    _folder = pathlib.PurePath(sys.argv.pop(1))
    _root = pathlib.Path(__file__).absolute().parent.parent
    LabTriesTest = tries.test_class(_root, _folder.name)
    results.main()

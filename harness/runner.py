"""Who runs the programs of a test, and where these may write.

Here it is the user who runs the test, so there is nothing to do. The grader
runs programs of others as another user: it sets a runner of its own for all
tests, see grader/worker.py.
"""

from collections.abc import Sequence


class Runner:
    """Runs programs as the user of the test."""

    def in_namespaces(
        self, command: Sequence[str], program: str
    ) -> Sequence[str]:
        """Returns how `command`, which is unshare(1), is run.

        A path of the program may be among its arguments.
        """
        del program
        return command

    def with_peers(self, command: Sequence[str]) -> Sequence[str]:
        """Returns how peers are run that start the program themselves."""
        return command

    def may_write(self, folder: str) -> None:
        """Lets programs write to a folder that the test has made."""

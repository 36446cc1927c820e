"""Makes the sources of exercises; used by labs/ipc_lab.bzl.

    cut copy|solution mend|write|build <name> <exercises.toml>
    cut planted write <name> <wrong> <exercises.toml>

prints what is handed out, its solution, or a wrong solution of it.
"""

import pathlib
import sys

from harness import exercises


def main(what: str, kind: str, name: str, *rest: str) -> int:
    """Prints a source; returns the exit status."""
    *wrong, file = rest
    try:
        found = exercises.find(pathlib.Path(file).absolute().parent, kind, name)
        if what == "planted":
            text = found.planted(*wrong)
        else:
            text = found.copy() if what == "copy" else found.solution()
        sys.stdout.write(text)
    except exercises.Wrong as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

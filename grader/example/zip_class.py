"""Makes an archive of what a class of two has handed in."""

import pathlib
import sys
import zipfile
from collections.abc import Sequence

_FORGED = '#include <cstdio>\nint main() { std::puts("Main: PASS"); }\n'


def main(out: str, sources: Sequence[str]) -> None:
    """Writes the archive, in which nothing depends on when it is made."""
    (lab,) = [name for name in sources if name.endswith("/pipes/main.cc")]
    handed_in = {
        "ada": pathlib.Path(lab).read_text(encoding="utf-8"),
        "ben": _FORGED,
    }
    with zipfile.ZipFile(out, "w") as archive:
        for learner, source in handed_in.items():
            file = zipfile.ZipInfo(f"{learner}/my/pipes/receive.cc")
            archive.writestr(file, source)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

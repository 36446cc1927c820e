"""Which machine the figures are of, and which versions of what."""

import os
import pathlib
import platform
import re
import subprocess

# Headers or programs of the peers that a machine may lack, and their packages.
_PEERS = {
    "boost": (
        "libboost-dev",
        "/usr/include/boost/interprocess/ipc/message_queue.hpp",
    ),
    "zeromq": ("libzmq3-dev", "/usr/include/zmq.h"),
    "s6": ("s6", "s6-supervise"),
    "runit": ("runit", "runsv"),
}
PLOTTER = ("gnuplot-nox", "gnuplot")
# Built in if their headers are there.
DEFINES = ("boost", "zeromq")
_PACKAGES = (
    "bazel-bootstrap",
    "libbenchmark-dev",
    "libboost-dev",
    "libzmq3-dev",
    "runit",
    "s6",
)


def installed(place: str) -> bool:
    """Whether a file is there, or a program on PATH."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return any(pathlib.Path(folder, place).is_file() for folder in folders)


def missing_peers() -> dict[str, str]:
    """Returns the packages of the peers that are not installed."""
    return {
        peer: package
        for peer, (package, place) in _PEERS.items()
        if not installed(place)
    }


def _first_line(*command: str) -> str:
    try:
        out = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return next(iter(out.splitlines()), "")


def _processor() -> str:
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    # Not all architectures have a name for it.
    found = re.search(r"^model name\s*: (.+)$", text, re.M)
    name = found[1].strip() if found else platform.machine()
    family = re.search(r"^cpu family\s*: (\d+)$", text, re.M)
    model = re.search(r"^model\s*: (\d+)$", text, re.M)
    if family and model:
        name += f" (family {family[1]}, model {model[1]})"
    if re.search(r"^flags\s*:.*\bhypervisor\b", text, re.M):
        name += ", virtual machine"
    return name


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for package in _PACKAGES:
        version = _first_line(
            "dpkg-query", "--show", "--showformat=${Version}", package
        )
        if version:
            found[package] = version
    return found


def describe() -> dict[str, object]:
    """Returns the machine's part of results.json."""
    return {
        "processor": _processor(),
        "cpus": len(os.sched_getaffinity(0)),
        # Without what a distribution or a host adds to the number.
        "kernel": "Linux " + platform.release().split("-", maxsplit=1)[0],
        "compiler": _first_line("g++", "--version"),
        "libc": os.confstr("CS_GNU_LIBC_VERSION") or "",
        "versions": _versions(),
    }

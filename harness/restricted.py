"""Runs a command where something is forbidden or scarce, as on odd machines.

    python3 -m harness.restricted old_seccomp bazel-bin/harness/course pipes

The restriction holds for the command and for all that it starts. It needs no
privileges, except for small_shm, which needs a user namespace or root.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Callable, Mapping, Sequence

# From <linux/seccomp.h>, <linux/filter.h>, <linux/audit.h>, <linux/prctl.h>.
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD, _EQUALS, _HAS_BITS, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER_AT, _MACHINE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
# From <linux/sched.h>, <linux/mount.h>.
_NEWNS, _NEWUSER = 0x20000, 0x10000000
_ANY_NAMESPACE = 0x7E020000
_MS_REC_PRIVATE = 16384 | 1 << 18
_SMALL_SHM_MIB = 64

# Machine: its number for a filter, and the numbers of calls where they differ.
_MACHINES: Mapping[str, tuple[int, Mapping[str, int]]] = {
    "x86_64": (
        0xC000003E,
        {
            "clone": 56,
            "ptrace": 101,
            "mount": 165,
            "unshare": 272,
            "setns": 308,
            "process_vm_readv": 310,
            "process_vm_writev": 311,
            "kcmp": 312,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "mount": 40,
            "unshare": 97,
            "ptrace": 117,
            "clone": 220,
            "setns": 268,
            "process_vm_readv": 270,
            "process_vm_writev": 271,
            "kcmp": 272,
        },
    ),
}
_LATER_CALLS = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "pidfd_open": 434,
    "clone3": 435,
    "close_range": 436,
    "openat2": 437,
    "pidfd_getfd": 438,
    "faccessat2": 439,
    "epoll_pwait2": 441,
    "memfd_secret": 447,
    "futex_waitv": 449,
}
_PRIVILEGED = ("mount", "setns")
_PTRACE = ("ptrace", "process_vm_readv", "process_vm_writev", "kcmp")
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def _instruction(
    code: int, value: int, if_so: int = 0, if_not: int = 0
) -> bytes:
    return struct.pack("HBBI", code, if_so, if_not, value)


def filter_calls(refused: Mapping[str, int]) -> None:
    """Makes calls fail with their error, and all that would make namespaces.

    As container runtimes do: by a filter that cannot be removed.
    """
    machine, numbers = _MACHINES[platform.machine()]
    numbers = {**numbers, **_LATER_CALLS}
    code = [
        _instruction(_LOAD, _MACHINE_AT),
        _instruction(_EQUALS, machine, 1),
        _instruction(_RETURN, _ALLOW),
        _instruction(_LOAD, _NUMBER_AT),
    ]
    for call, error in refused.items():
        code.append(_instruction(_EQUALS, numbers[call], 0, 1))
        code.append(_instruction(_RETURN, _ERRNO | error))
    code += [
        _instruction(_EQUALS, numbers["unshare"], 2),
        _instruction(_EQUALS, numbers["clone"], 1),
        _instruction(_RETURN, _ALLOW),
        _instruction(_LOAD, _FIRST_ARGUMENT_AT),
        _instruction(_HAS_BITS, _ANY_NAMESPACE, 0, 1),
        _instruction(_RETURN, _ERRNO | errno.EPERM),
        _instruction(_RETURN, _ALLOW),
    ]
    data = ctypes.create_string_buffer(b"".join(code))
    rules = struct.pack("HxxxxxxP", len(code), ctypes.addressof(data))
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    mode = _SECCOMP_MODE_FILTER
    _check(_libc.prctl(_PR_SET_SECCOMP, mode, rules, 0, 0), "prctl")


def _no_user_namespaces() -> None:
    """As in a container that Docker has made, with its filter of today."""
    refused = dict.fromkeys(_PRIVILEGED, errno.EPERM)
    filter_calls({**refused, "clone3": errno.ENOSYS})


def _old_seccomp() -> None:
    """As with a filter of 2019: what is newer is not there."""
    refused = dict.fromkeys((*_PRIVILEGED, *_PTRACE), errno.EPERM)
    filter_calls({**refused, **dict.fromkeys(_LATER_CALLS, errno.ENOSYS)})


def _small_shm() -> None:
    """As in a container that Docker has made, without --shm-size."""
    uid, gid = os.getuid(), os.getgid()
    flags = _NEWNS if uid == 0 else _NEWNS | _NEWUSER
    _check(_libc.unshare(flags), "unshare")
    if uid:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w", encoding="utf-8") as file:
                file.write(text)
    private = ctypes.c_ulong(_MS_REC_PRIVATE)
    _check(_libc.mount(b"none", b"/", None, private, None), "mount")
    options = f"size={_SMALL_SHM_MIB}m,mode=1777".encode()
    _check(_libc.mount(b"tmpfs", b"/dev/shm", b"tmpfs", 0, options), "mount")


def _one_cpu() -> None:
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])


def _old_docker() -> None:
    """All of it, as in a container on a small machine."""
    _small_shm()
    _one_cpu()
    _old_seccomp()


WORLDS: Mapping[str, Callable[[], None]] = {
    "no_user_namespaces": _no_user_namespaces,
    "old_seccomp": _old_seccomp,
    "small_shm": _small_shm,
    "one_cpu": _one_cpu,
    "old_docker": _old_docker,
}


def main(arguments: Sequence[str]) -> int:
    """Becomes the command in a restricted world."""
    if len(arguments) < 2 or arguments[0] not in WORLDS:
        names = ", ".join(WORLDS)
        print(f"restricted: <world> <command>...; {names}", file=sys.stderr)
        return 2
    try:
        WORLDS[arguments[0]]()
        os.execvp(arguments[1], list(arguments[1:]))
    except OSError as error:
        print(f"restricted: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

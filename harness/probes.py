"""What the labs need of a machine: each need is tried out.

A try is a function that does the real thing. It returns a note, or raises:
Missing or OSError, with what is missing. It is called in a child process, which
is killed at a limit, so it may do what cannot be undone.
"""

import ctypes
import dataclasses
import errno
import json
import mmap
import os
import pathlib
import platform
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence

from harness import run, trace

_MIB = 1 << 20
# What the biggest user of each takes at once, with a reserve.
_SHM_MIB, _MEMORY_MIB, _FILES, _PROCESSES, _TMP_MIB = 256, 512, 256, 100, 64
_WATCHES = 16

# From <linux/sched.h>, <linux/prctl.h> and <bits/pthread*.h>.
_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER = 0x20000, 0x4000000, 0x8000000, 0x10000000
_NEWPID, _NEWNET = 0x20000000, 0x40000000
_PR_SET_CHILD_SUBREAPER = 36
_PTHREAD_PROCESS_SHARED, _PTHREAD_MUTEX_ROBUST = 1, 1
_IPC_PRIVATE, _IPC_RMID = 0, 0
_libc = ctypes.CDLL(None, use_errno=True)


class Missing(Exception):
    """What is tried cannot be done here; says why."""


@dataclasses.dataclass(frozen=True)
class Suffers:
    """Which labs suffer where something is missing, and how.

    how: what becomes of them: "are skipped", "fail", "take longer".
    labs: by their names; () for all.
    skips: what a skip of theirs says of its reason, a regular expression; ""
        if they skip nothing.
    """

    how: str
    labs: Sequence[str] = ()
    skips: str = ""


@dataclasses.dataclass(frozen=True)
class Probe:
    """Something that labs need, how it is tried, and what to do without it.

    essential: without it no lab can be played.
    """

    name: str
    attempt: Callable[[], str]
    suffers: Sequence[Suffers]
    mend: str
    essential: bool = False


def _check(result: int, call: str) -> int:
    if result < 0:
        raise Missing(f"{call}: {os.strerror(ctypes.get_errno())}")
    return result


def _check_zero(error: int, call: str) -> None:
    if error:
        raise Missing(f"{call}: {os.strerror(error)}")


def _output(command: Sequence[str], **options: object) -> str:
    """Returns what a command prints; Missing if it fails."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            **options,  # type: ignore[call-overload]
        )
    except FileNotFoundError:
        raise Missing(f"{command[0]} is not installed") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        said = f": {lines[-1].strip()}" if lines else ""
        raise Missing(f"{pathlib.Path(command[0]).name} fails{said}")
    return str(done.stdout)


# What every run of a lab needs.


def _try_pidfd() -> str:
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        fd = os.pidfd_open(child)
        signal.pidfd_send_signal(fd, signal.SIGTERM)
    except OSError as error:
        raise Missing(f"pidfd_open: {os.strerror(error.errno or 0)}") from None
    if not select.select([fd], [], [], 5)[0]:
        raise Missing("a pidfd does not show that its process has ended")
    return ""


def _try_subreaper() -> str:
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            signal.pause()
        os._exit(0)
    os.waitpid(child, 0)
    text = pathlib.Path("/proc/self/stat").read_text("utf-8")
    mine = int(text.split()[0])
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == mine:
            return ""
    raise Missing("an orphan does not reach its subreaper, or not /proc")


def _try_robust_mutex() -> str:
    memory = mmap.mmap(-1, 4096)
    mutex = ctypes.byref(ctypes.c_char.from_buffer(memory))
    attributes = ctypes.create_string_buffer(64)
    for call, value in (
        ("pthread_mutexattr_init", None),
        ("pthread_mutexattr_setpshared", _PTHREAD_PROCESS_SHARED),
        ("pthread_mutexattr_setrobust", _PTHREAD_MUTEX_ROBUST),
    ):
        arguments = [] if value is None else [value]
        _check_zero(getattr(_libc, call)(attributes, *arguments), call)
    _check_zero(
        _libc.pthread_mutex_init(mutex, attributes), "pthread_mutex_init"
    )
    child = os.fork()
    if child == 0:
        _libc.pthread_mutex_lock(mutex)
        os._exit(0)
    os.waitpid(child, 0)
    # Without robust lists this waits forever: then the limit ends it.
    found = _libc.pthread_mutex_trylock(mutex)
    if found != errno.EOWNERDEAD:
        raise Missing(
            "the kernel does not pass on the lock of a process that has died"
            " (set_robust_list)"
        )
    return ""


def _try_threads() -> str:
    done: list[int] = []
    try:
        thread = threading.Thread(target=done.append, args=[1])
        thread.start()
    except RuntimeError as error:
        raise Missing(f"{error}: is clone3 refused?") from None
    thread.join()
    return ""


def _try_shared_memory() -> str:
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        for mib in range(_SHM_MIB):
            try:
                os.posix_fallocate(file.fileno(), mib * _MIB, _MIB)
            except OSError as error:
                reason = os.strerror(error.errno or 0)
                raise Missing(
                    f"only {mib} of {_SHM_MIB} MB are available: {reason}"
                ) from None
    return f"{_SHM_MIB} MB are available"


def _try_temporary_files() -> str:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        with open(f"{folder}/file", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, _TMP_MIB * _MIB)
        os.mkfifo(f"{folder}/fifo")
    return ""


def _try_unix_sockets() -> str:
    one, other = socket.socketpair()
    reading, writing = os.pipe()
    socket.send_fds(one, [b"x"], [reading])
    _, passed, _, _ = socket.recv_fds(other, 1, 1)
    os.write(writing, b"hello")
    if os.read(passed[0], 5) != b"hello":
        raise Missing("a descriptor that was passed names another file")
    if len(other.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)) != 12:
        raise Missing("SO_PEERCRED does not name the process on the other side")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        _greet(socket.AF_UNIX, f"{folder}/socket")
    return ""


def _greet(family: int, address: object) -> None:
    with socket.socket(family) as server, socket.socket(family) as client:
        server.bind(address)  # type: ignore[arg-type]
        server.listen()
        client.connect(server.getsockname())
        peer = server.accept()[0]
        client.sendall(b"hello")
        if peer.recv(5) != b"hello":
            raise Missing("what is sent does not arrive")


def _try_loopback() -> str:
    _greet(socket.AF_INET, ("127.0.0.1", 0))
    return ""


def _try_ipv6() -> str:
    if not pathlib.Path("/proc/net/if_inet6").exists():
        raise Missing("the kernel has no IPv6")
    _greet(socket.AF_INET6, ("::1", 0))
    return ""


def _try_terminal() -> str:
    master, slave = os.openpty()
    os.write(slave, b"hello")
    os.read(master, 5)
    return ""


def _try_descriptors() -> str:
    files = []
    try:
        for _ in range(_FILES):
            files.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise Missing(f"only {len(files)} can be open: {reason}") from None
    return f"{_FILES} and more"


def _try_processes() -> str:
    reading, writing = os.pipe()
    for number in range(_PROCESSES):
        try:
            child = os.fork()
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise Missing(
                f"only {number} of {_PROCESSES} can be started: {reason}"
            ) from None
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    return f"{_PROCESSES} and more at a time"


def _try_memory() -> str:
    # If it is too much for the machine, this process is to be killed for it.
    pathlib.Path("/proc/self/oom_score_adj").write_text("1000", "utf-8")
    memory = mmap.mmap(-1, _MEMORY_MIB * _MIB)
    for place in range(0, _MEMORY_MIB * _MIB, 4096):
        memory[place] = 1
    return f"{_MEMORY_MIB} MB and more"


# Needs without which a lab shows less.


def _try_world() -> str:
    found = run.run(["/bin/true"]).world
    if found in ("namespaces", "user namespaces"):
        return f"made of {found}"
    name, _, reasons = found.partition(" (")
    raise Missing(reasons.rstrip(")") or f"IPC_LABS_WORLD is {name!r}")


def _try_namespaces() -> str:
    flags = _NEWUSER | _NEWNS | _NEWPID | _NEWIPC | _NEWNET | _NEWUTS
    uid = os.getuid()
    _check(_libc.unshare(flags), "unshare")
    pathlib.Path("/proc/self/setgroups").write_text("deny", "utf-8")
    pathlib.Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", "utf-8")
    child = os.fork()
    if child == 0:
        failed = _libc.mount(b"proc", b"/proc", b"proc", 0, None)
        os._exit(ctypes.get_errno() if failed else 0)
    error = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    _check_zero(error, "mount /proc")
    return ""


def _try_looking_at_others() -> str:
    child = os.fork()
    if child == 0:
        signal.pause()
    for file in ("syscall", "mem", "fd/0", "wchan"):
        fd = os.open(f"/proc/{child}/{file}", os.O_RDONLY)
        if file == "syscall" and not os.read(fd, 100).strip():
            raise Missing("/proc/PID/syscall is empty")
    return ""


def _try_strace() -> str:
    if reason := trace.why_not():
        raise Missing(reason)
    return ""


def _try_process_memory() -> str:
    memory = ctypes.create_string_buffer(b"parent", 8)
    found = ctypes.create_string_buffer(8)
    child = os.fork()
    if child == 0:
        signal.pause()
    size = ctypes.c_size_t(8)
    here = (ctypes.c_void_p * 2)(ctypes.addressof(found), size.value)
    there = (ctypes.c_void_p * 2)(ctypes.addressof(memory), size.value)
    count = _libc.process_vm_readv(
        child, here, ctypes.c_ulong(1), there, ctypes.c_ulong(1), 0
    )
    _check(count, "process_vm_readv")
    if found.value != b"parent":
        raise Missing("process_vm_readv reads something else")
    return ""


def _try_posix_queues() -> str:
    library = _libc if hasattr(_libc, "mq_open") else ctypes.CDLL("librt.so.1")
    name = f"/ipc-labs-doctor-{os.getpid()}".encode()
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    ctypes.set_errno(0)
    queue = library.mq_open(name, flags, 0o600, None)
    if queue < 0:
        raise Missing(f"mq_open: {os.strerror(_errno_of(library))}")
    library.mq_unlink(name)
    _check(library.mq_send(queue, b"hello", ctypes.c_size_t(5), 0), "mq_send")
    return ""


def _errno_of(library: ctypes.CDLL) -> int:
    return ctypes.get_errno() if library is _libc else errno.ENOSYS


def _try_system_v() -> str:
    mode = 0o1600  # IPC_CREAT, for the user alone.
    queue = _check(_libc.msgget(_IPC_PRIVATE, mode), "msgget")
    _libc.msgctl(queue, _IPC_RMID, None)
    semaphores = _check(_libc.semget(_IPC_PRIVATE, 3, mode), "semget")
    _libc.semctl(semaphores, 0, _IPC_RMID)
    size = ctypes.c_size_t(_MIB)
    memory = _check(_libc.shmget(_IPC_PRIVATE, size, mode), "shmget")
    _libc.shmctl(memory, _IPC_RMID, None)
    return ""


def _memory_groups() -> tuple[str, list[pathlib.Path]]:
    """Returns the file of the limit, and where a group may be made."""
    lines = pathlib.Path("/proc/self/cgroup").read_text("utf-8").splitlines()
    found = [line.split(":", 2) for line in lines]
    root, limit = pathlib.Path("/sys/fs/cgroup"), "memory.max"
    own = [path for _, names, path in found if "memory" in names.split(",")]
    if own:
        root, limit = root / "memory", "memory.limit_in_bytes"
    else:
        own = [path for _, names, path in found if not names]
    if not own or not (root / "cgroup.procs").exists():
        raise Missing("no control group that controls memory is mounted")
    here = root / own[0].lstrip("/")
    return limit, [here, here.parent] if here != root else [here]


def _try_control_groups() -> str:
    limit, places = _memory_groups()
    why = ""
    for place in places:
        group = place / f"ipc-labs-doctor-{os.getpid()}"
        try:
            group.mkdir()
        except OSError as error:
            why = f"mkdir in {place}: {os.strerror(error.errno or 0)}"
            continue
        child = os.fork()
        if child == 0:
            try:
                (group / limit).write_text(str(32 * _MIB), "utf-8")
                (group / "cgroup.procs").write_text("0", "utf-8")
                os._exit(0)
            except OSError as error:
                os._exit(error.errno or 1)
        failed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        group.rmdir()
        if not failed:
            return "version 2" if limit == "memory.max" else "version 1"
        why = f"{group}: {os.strerror(failed)}"
    raise Missing(why)


def _try_inotify() -> str:
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(_WATCHES):
            fd = _check(_libc.inotify_init1(os.O_CLOEXEC), "inotify_init1")
            watch = _libc.inotify_add_watch(fd, folder.encode(), 0x100)
            _check(watch, "inotify_add_watch")
        pathlib.Path(folder, "file").touch()
        if not select.select([fd], [], [], 5)[0]:
            raise Missing("no event comes when a file is made")
    return f"{_WATCHES} and more at a time"


def _try_cpus() -> str:
    count = len(os.sched_getaffinity(0))
    if count < 2:
        raise Missing("this process may use one CPU only")
    return f"{count} CPUs"


def _try_x86_64() -> str:
    if platform.machine() != "x86_64":
        raise Missing(f"the processor is {platform.machine()}")
    return ""


def _try_other_user() -> str:
    other = 65533 if os.geteuid() == 65534 else 65534
    os.setuid(other)
    return ""


def _try_python() -> str:
    _output(["/usr/bin/python3", "-c", "import multiprocessing.connection"])
    return ""


def _try_numpy() -> str:
    _output(["/usr/bin/python3", "-c", "import numpy"])
    return ""


def _run_c(code: str, *flags: str) -> None:
    """Compiles, links and runs a small program."""
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/program"
        command = ["g++", "-std=c++20", "-xc++", "-", "-o", program]
        _output([*command, "-xnone", *flags], input=code)
        _output([program])


def _try_compiler() -> str:
    _run_c(
        "#include <fmt/format.h>\n"
        '#include <semaphore>\nint main() { fmt::print("{}", 1); }',
        "-lfmt",
    )
    return ""


def _try_arm64_compiler() -> str:
    _output(
        ["aarch64-linux-gnu-g++", "-std=c++20", "-S", "-xc++", "-o-", "-"],
        input="#include <atomic>\nint main() {}",
    )
    return ""


def _try_rabbitmq() -> str:
    folders = ("/usr/lib/rabbitmq/bin", "/usr/sbin", "/usr/local/sbin")
    path = os.environ.get("IPC_LABS_RABBITMQ_SERVER", "")
    if not path and not any(
        os.access(f"{folder}/rabbitmq-server", os.X_OK) for folder in folders
    ):
        raise Missing("rabbitmq-server is not installed")
    _output(["erl", "-noshell", "-eval", "halt(0)."])
    return ""


def _try_rabbitmq_client() -> str:
    _run_c(
        "#if __has_include(<rabbitmq-c/amqp.h>)\n"
        "#include <rabbitmq-c/amqp.h>\n#else\n#include <amqp.h>\n#endif\n"
        "int main() { return amqp_new_connection() == nullptr; }",
        "-lrabbitmq",
    )
    return ""


def _try_kafka_client() -> str:
    _run_c(
        "#include <librdkafka/rdkafka.h>\n"
        "int main() { return rd_kafka_conf_new() == nullptr; }",
        "-lrdkafka",
    )
    return ""


def _try_mpi() -> str:
    options = ["--oversubscribe"]
    options += ["--allow-run-as-root"] if os.getuid() == 0 else []
    _output(["mpirun", *options, "-n", "2", "true"])
    return ""


def _try_mpi_library() -> str:
    flags = _output(["mpicxx", "--showme"]).split()[1:]
    _run_c(
        "#define OMPI_SKIP_MPICXX 1\n#include <mpi.h>\n"
        "int main() { int yes; return MPI_Initialized(&yes); }",
        *flags,
    )
    return ""


def _try_runtime() -> str:
    reasons = []
    for runtime in ("runc", "crun"):
        try:
            _run_container(runtime)
            return runtime
        except Missing as error:
            reasons.append(str(error))
    raise Missing("; ".join(reasons))


def _run_container(runtime: str) -> None:
    """Runs true(1) in a container, without a root of its own."""
    if not shutil.which(runtime):
        raise Missing(f"{runtime} is not installed")
    with tempfile.TemporaryDirectory() as folder:
        rootless = ["--rootless"] if os.getuid() else []
        _output([runtime, "spec", *rootless], cwd=folder)
        file = pathlib.Path(folder, "config.json")
        config = json.loads(file.read_text("utf-8"))
        config["process"].update({"terminal": False, "args": ["/bin/true"]})
        config["root"] = {"path": "rootfs", "readonly": False}
        for name in ("bin", "lib", "lib64", "usr"):
            if os.path.isdir(f"/{name}"):
                os.makedirs(f"{folder}/rootfs/{name}")
                config["mounts"].append(
                    {
                        "destination": f"/{name}",
                        "type": "bind",
                        "source": os.path.realpath(f"/{name}"),
                        "options": ["rbind", "ro"],
                    }
                )
        file.write_text(json.dumps(config), "utf-8")
        container = f"ipc-labs-doctor-{os.getpid()}"
        _output(
            [runtime, "--root", f"{folder}/state", "run", container],
            cwd=folder,
        )


def _try_systemd() -> str:
    with tempfile.TemporaryDirectory() as folder:
        unit = pathlib.Path(folder, "ipc-labs-doctor.service")
        unit.write_text("[Service]\nExecStart=/bin/true\n", "utf-8")
        _output(["systemd-analyze", "verify", "--man=no", str(unit)])
    return ""


def _try_unshare() -> str:
    _output(["unshare", "true"])
    return ""


_APT = "apt-get install "
_CONTAINER = (
    "in a container: docker run --security-opt seccomp=unconfined"
    " --security-opt systempaths=unconfined; on Ubuntu 24.04: sysctl -w"
    " kernel.apparmor_restrict_unprivileged_userns=0; elsewhere: sysctl -w"
    " user.max_user_namespaces=10000"
)
_SECCOMP = (
    "use Linux 5.4 or later; in a container, a newer Docker, or docker run"
    " --security-opt seccomp=unconfined"
)

PROBES: Sequence[Probe] = (
    Probe(
        "processes held by pidfd",
        _try_pidfd,
        [
            Suffers(
                "are skipped, except for their raw programs", skips="pidfd_open"
            )
        ],
        _SECCOMP,
    ),
    Probe(
        "orphans come to the keeper",
        _try_subreaper,
        [Suffers("leave processes behind")],
        _SECCOMP,
        essential=True,
    ),
    Probe(
        "locks survive their owner",
        _try_robust_mutex,
        [Suffers("hang when a process that has a lock dies")],
        "use a real Linux kernel: gVisor (runsc) has no robust lists",
        essential=True,
    ),
    Probe(
        "threads",
        _try_threads,
        [Suffers("cannot be run by the harness")],
        _SECCOMP,
        essential=True,
    ),
    Probe(
        "compiler and libraries",
        _try_compiler,
        [Suffers("cannot be built")],
        "tools/install_packages third_party/packages.txt",
        essential=True,
    ),
    Probe(
        "descriptors",
        _try_descriptors,
        [Suffers("fail")],
        "ulimit -n 1024",
        essential=True,
    ),
    Probe(
        "processes",
        _try_processes,
        [Suffers("fail")],
        "ulimit -u unlimited; in a container, docker run --pids-limit=-1",
        essential=True,
    ),
    Probe(
        "files in /tmp",
        _try_temporary_files,
        [Suffers("fail")],
        f"make room in /tmp: {_TMP_MIB} MB",
        essential=True,
    ),
    Probe(
        "sockets with a path",
        _try_unix_sockets,
        [Suffers("fail")],
        _SECCOMP,
        essential=True,
    ),
    Probe(
        "loopback network",
        _try_loopback,
        [
            Suffers(
                "fail",
                ("authentication", "connection", "custom_protocol", "manager")
                + ("mechanisms", "status_monitor", "broker", "log", "cluster"),
            )
        ],
        "ip link set lo up",
    ),
    Probe(
        "a world for each run",
        _try_world,
        [
            Suffers(
                "run beside all else on this machine: what others leave in"
                " /dev/shm or /tmp may be taken for theirs"
            )
        ],
        _CONTAINER,
    ),
    Probe(
        "user namespaces",
        _try_namespaces,
        [
            Suffers(
                "is skipped",
                ("containers",),
                "namespaces are not permitted",
            ),
            Suffers(
                "skips some checks",
                ("mechanisms",),
                "namespaces are not permitted",
            ),
        ],
        _CONTAINER,
    ),
    Probe(
        "/dev/shm",
        _try_shared_memory,
        [Suffers("may fail, with No space left on device")],
        "mount -o remount,size=1g /dev/shm; docker run --shm-size=1g",
    ),
    Probe(
        "memory",
        _try_memory,
        [Suffers("may be killed", ("startup_overhead", "serialization"))],
        "give this machine, or its container, 1 GB",
    ),
    Probe(
        "looking at other processes",
        _try_looking_at_others,
        [Suffers("explain a hang less fully")],
        "sysctl -w kernel.yama.ptrace_scope=1; in a container, docker run"
        " --cap-add=SYS_PTRACE",
    ),
    Probe(
        "tracing system calls",
        _try_strace,
        [
            Suffers(
                "skip the comparison of the calls that their chapters show",
                skips="strace|calls that chapters show",
            )
        ],
        _APT + "strace; in a container, docker run --cap-add=SYS_PTRACE",
    ),
    Probe(
        "memory of another process",
        _try_process_memory,
        [
            Suffers(
                "skips some checks",
                ("isolation",),
                skips="process_vm_readv.* refused",
            ),
            Suffers("fails", ("mechanisms",)),
        ],
        _SECCOMP + ", or --cap-add=SYS_PTRACE",
    ),
    Probe(
        "POSIX message queues",
        _try_posix_queues,
        [Suffers("fail", ("mechanisms", "containers"))],
        "raise fs.mqueue.queues_max and ulimit -q, as root, or use a kernel"
        " that has them",
    ),
    Probe(
        "System V objects",
        _try_system_v,
        [
            Suffers(
                "fail",
                ("mechanisms", "semaphore", "containers"),
            )
        ],
        "raise kernel.msgmni, kernel.sem and kernel.shmmni, as root",
    ),
    Probe(
        "watching files",
        _try_inotify,
        [Suffers("fail", ("config_watcher", "file_ipc", "mechanisms"))],
        "sysctl -w fs.inotify.max_user_instances=128"
        " fs.inotify.max_user_watches=8192",
    ),
    Probe(
        "terminals",
        _try_terminal,
        [Suffers("are not tested with a terminal")],
        "mount -t devpts devpts /dev/pts",
    ),
    Probe(
        "more than one CPU",
        _try_cpus,
        [
            Suffers(
                "skips wrong_release_then_look",
                ("lock_free",),
                "with one processor",
            ),
            Suffers("take longer, and show fewer races by luck"),
        ],
        "give this machine, or its container, two CPUs; see taskset -p $$",
    ),
    Probe(
        "processor x86-64",
        _try_x86_64,
        [
            Suffers(
                "skips wrong_release_then_look",
                ("lock_free",),
                "this processor may order more",
            ),
            Suffers(
                "skip the comparison of traces, and explore more slowly",
                skips="those of x86-64",
            ),
        ],
        "use a machine with an x86-64 processor",
    ),
    Probe(
        "another user",
        _try_other_user,
        [Suffers("skips one check", ("isolation",), "become another user")],
        "run as root: sudo -E ./bazelw run //harness:course",
    ),
    Probe(
        "control groups",
        _try_control_groups,
        [
            Suffers(
                "leaves out its limit of memory",
                ("containers",),
                "No limit of memory here",
            )
        ],
        "run as root, or systemd-run --user --scope -p Delegate=yes bash",
    ),
    Probe(
        "unshare(1)",
        _try_unshare,
        [
            Suffers(
                "skip some checks",
                ("containers", "mechanisms"),
                r"unshare\(1\) is not installed",
            )
        ],
        _APT + "util-linux",
    ),
    Probe(
        "container runtime",
        _try_runtime,
        [
            Suffers(
                "leaves out its last act",
                ("containers",),
                "Act 5 is left out|neither runc nor crun",
            )
        ],
        _APT + "runc crun; a runtime takes root, or user namespaces",
    ),
    Probe(
        "IPv6",
        _try_ipv6,
        [Suffers("skips one check", ("connection",), "has no IPv6")],
        "sysctl -w net.ipv6.conf.lo.disable_ipv6=0",
    ),
    Probe(
        "/usr/bin/python3",
        _try_python,
        [
            Suffers(
                "skip their Python peer",
                ("authentication", "connection", "custom_protocol")
                + ("shared_memory",),
                "there is no /usr/bin/python3",
            )
        ],
        _APT + "python3",
    ),
    Probe(
        "NumPy",
        _try_numpy,
        [Suffers("skips one reader", ("shared_memory",), "no NumPy")],
        _APT + "python3-numpy",
    ),
    Probe(
        "compiler for arm64",
        _try_arm64_compiler,
        [Suffers("skips two checks", ("lock_free",), r"no g\+\+ for")],
        _APT + "g++-aarch64-linux-gnu",
    ),
    Probe(
        "systemd-analyze",
        _try_systemd,
        [Suffers("skips one check", ("supervisor",), "systemd-analyze")],
        _APT + "systemd",
    ),
    Probe(
        "RabbitMQ",
        _try_rabbitmq,
        [
            Suffers(
                "is skipped",
                ("broker",),
                "RabbitMQ is not installed|Erlang",
            )
        ],
        _APT + "rabbitmq-server",
    ),
    Probe(
        "RabbitMQ's client",
        _try_rabbitmq_client,
        [Suffers("is skipped", ("broker",), "RabbitMQ's client")],
        _APT + "librabbitmq-dev",
    ),
    Probe(
        "Kafka's client",
        _try_kafka_client,
        [Suffers("is skipped", ("log",), "Kafka's client")],
        _APT + "librdkafka-dev",
    ),
    Probe(
        "Open MPI",
        _try_mpi,
        [Suffers("is skipped", ("cluster",), "no mpirun")],
        _APT + "openmpi-bin",
    ),
    Probe(
        "Open MPI's library",
        _try_mpi_library,
        [Suffers("is skipped", ("cluster",), "Open MPI is not installed")],
        _APT + "libopenmpi-dev",
    ),
)

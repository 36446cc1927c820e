"""The clients of the echo server: see harness/referee.py."""

import os
import random
import resource
import select
import signal
import socket
import subprocess
from collections.abc import Mapping

from harness import referee
from harness.referee import Program, say

_PATH = "/tmp/echo.socket"
_FLOOD_MAX = 16 << 20
_CHUNK = 65536
# A client that cannot send any more may only be slow. It is taken to be held
# back when others have been served this often in the meantime.
_ROUNDS = 50


def _start(program: str, descriptors: int = 256) -> Program:
    """Starts the server, which may have at most this many descriptors."""
    limit = (descriptors, descriptors)
    server = Program(
        program,
        _PATH,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit),
    )
    server.await_line("ready")
    return server


def _connect() -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.connect(_PATH)
    return client


def _receive(client: socket.socket, size: int) -> bytes:
    """Returns `size` bytes, or fewer if the server has closed."""
    data = b""
    while len(data) < size:
        try:
            part = client.recv(min(_CHUNK, size - len(data)))
        except ConnectionResetError:
            break
        if not part:
            break
        data += part
    return data


def _round_trip(client: socket.socket, data: bytes, who: str) -> None:
    """Sends a few bytes and waits until the same bytes have come back."""
    try:
        client.sendall(data)
    except OSError as error:
        raise referee.Failed(
            f"{who} could not send: {error.strerror}"
        ) from error
    _same(_receive(client, len(data)), data, who)


def _same(found: bytes, wanted: bytes, who: str) -> None:
    if found == wanted:
        return
    first = next(
        (i for i, pair in enumerate(zip(found, wanted)) if pair[0] != pair[1]),
        min(len(found), len(wanted)),
    )
    what = f"only {len(found):,} of {len(wanted):,} bytes"
    if first < len(found):
        what = f"a wrong byte after {first:,} of {len(wanted):,}"
    raise referee.Failed(f"{who} got back {what}")


def _exchange(clients: Mapping[socket.socket, bytes]) -> None:
    """All clients send at the same time, and read what comes back meanwhile."""
    poll = select.poll()
    sent = dict.fromkeys(clients, 0)
    got = {client: bytearray() for client in clients}
    by_fd = {client.fileno(): client for client in clients}
    for client in clients:
        client.setblocking(False)
        poll.register(client, select.POLLIN | select.POLLOUT)
    while by_fd:
        for fd, _ in poll.poll():
            client, data = by_fd[fd], clients[by_fd[fd]]
            try:
                if sent[client] < len(data):
                    end = sent[client] + _CHUNK
                    sent[client] += client.send(data[sent[client] : end])
                    if sent[client] == len(data):
                        poll.modify(client, select.POLLIN)
            except BlockingIOError:
                pass
            except OSError as error:
                raise referee.Failed(
                    f"a client could not send: {error.strerror}"
                ) from error
            try:
                part = client.recv(_CHUNK)
            except BlockingIOError:
                continue
            except OSError:
                part = b""
            got[client] += part
            if not part or len(got[client]) >= len(data):
                _same(bytes(got[client]), data, "a client")
                poll.unregister(fd)
                del by_fd[fd]
    for client in clients:
        client.setblocking(True)


def comes_back(program: str, chance: random.Random) -> None:
    """One client sends few bytes, bytes that are not text, and many bytes."""
    _start(program)
    client = _connect()
    for data in (b"hello\n", b"no end of line", b"\0\xff\0"):
        _round_trip(client, data, f"a client that sent {data!r}")
    _exchange({client: chance.randbytes(1 << 20)})


def many(program: str, chance: random.Random) -> None:
    """Many clients are connected, and the last one is the first to send."""
    _start(program)
    clients = [_connect() for _ in range(40)]
    _round_trip(clients[-1], b"last come", "the client that came last")
    chance.shuffle(clients)
    for client in clients:
        _round_trip(client, chance.randbytes(100), "one client of 40")
    _exchange({client: chance.randbytes(200_000) for client in clients})


def half_closes(program: str, chance: random.Random) -> None:
    """A client that ends its own side gets everything, then end of file."""
    _start(program)
    silent = _connect()
    client = _connect()
    data = chance.randbytes(50_000)
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)
    _same(_receive(client, len(data) + 1), data, "a client that half-closed")
    _round_trip(silent, b"still here", "a client that had been silent")


def never_reads(program: str, chance: random.Random) -> None:
    """A client sends and does not read: only this client is held back."""
    _start(program)
    flood, other = _connect(), _connect()
    flood.setblocking(False)
    sent = bytearray()
    rounds = 0
    while rounds < _ROUNDS:
        chunk = chance.randbytes(_CHUNK)
        try:
            sent += chunk[: flood.send(chunk)]
            rounds = 0
        except BlockingIOError:
            rounds += 1
            _round_trip(other, b"and I?", "a client beside one that floods")
        except OSError as error:
            raise referee.Failed(
                f"a client that did not read was cut off: {error.strerror}"
            ) from error
        referee.expect(
            len(sent) < _FLOOD_MAX,
            f"{len(sent):,} bytes were taken from a client that reads nothing:"
            " the server keeps them all",
        )
    say("the client that floods is held back; now it reads")
    flood.setblocking(True)
    _same(_receive(flood, len(sent)), bytes(sent), "the client that flooded")


def vanishes(program: str, chance: random.Random) -> None:
    """Clients vanish while what they have sent is still on its way."""
    server = _start(program)
    when = "when a client went without reading"
    for _ in range(20):
        try:
            client = _connect()
            client.setblocking(False)
            try:
                for _ in range(chance.randrange(1, 40)):
                    client.send(chance.randbytes(10_000))
            except BlockingIOError:
                pass
            client.close()
            with _connect() as other:
                _round_trip(other, b"next", "the client after one that went")
        except (OSError, referee.Failed) as error:
            raise server.failure(when, str(error)) from error


def more_than_descriptors(program: str, chance: random.Random) -> None:
    """There are more clients than descriptors: some clients have to wait."""
    server = _start(program, descriptors=20)
    when = "when it had 20 descriptors and 30 clients"
    try:
        clients = [_connect() for _ in range(30)]
        # During each of these the server looks at least once for new clients.
        for _ in clients:
            _round_trip(clients[9], b"and again", "client 9 of 30")
        for number, client in enumerate(clients):
            data = chance.randbytes(10)
            _round_trip(client, data, f"client {number} of 30")
            client.close()
    except (OSError, referee.Failed) as error:
        raise server.failure(when, str(error)) from error


def ends(program: str, chance: random.Random) -> None:
    """SIGTERM ends the server, whatever its clients do; it can start again."""
    for _ in range(2):
        server = _start(program)
        silent, flood = _connect(), _connect()
        _round_trip(silent, b"hello", "a client")
        flood.setblocking(False)
        try:
            while True:
                flood.send(chance.randbytes(_CHUNK))
        except BlockingIOError:
            pass
        _round_trip(silent, b"hello", "a client beside one that floods")
        server.signal(signal.SIGTERM)
        server.end(0, "after SIGTERM")
        referee.expect(
            not os.path.exists(_PATH), f"{_PATH} is still there after SIGTERM"
        )


def refuses(program: str, chance: random.Random) -> None:
    """Without a path, or with an impossible one, it says so and fails."""
    del chance
    paths = ("", "/tmp/no/such/folder/socket", "/tmp/" + "x" * 200)
    for arguments in ([path] if path else [] for path in paths):
        told = subprocess.run(
            [program, *arguments], capture_output=True, check=False
        )
        what = " ".join(["echo_server", *arguments])[:60]
        referee.expect(told.returncode > 0, f"`{what}` does not fail")
        lines = told.stderr.decode(errors="replace").splitlines()
        referee.expect(
            len(lines) == 1,
            f"`{what}` says {len(lines)} lines on standard error, not one",
        )


if __name__ == "__main__":
    referee.play(
        {
            "comes_back": comes_back,
            "many": many,
            "half_closes": half_closes,
            "never_reads": never_reads,
            "vanishes": vanishes,
            "more_than_descriptors": more_than_descriptors,
            "ends": ends,
            "refuses": refuses,
        }
    )

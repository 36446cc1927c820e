"""The other side of a Listener or of connect(), with Python's library only.

    python_peer.py client ADDRESS [KEY]    sends messages and compares the echo
    python_peer.py listener ADDRESS [KEY]  prints its address, echoes one peer

ADDRESS is HOST:PORT, or a path that begins with "/". A client prints what it
has seen: "echoed 4", or the name of the exception that ended it.
"""

import multiprocessing
import multiprocessing.connection
import sys

_SIZES_BYTES = (0, 1, 65_536, 3 << 20)


def _parse(text: str) -> "str | tuple[str, int]":
    if text.startswith("/"):
        return text
    host, port = text.rsplit(":", 1)
    return host, int(port)


def _client(address: str, key: "bytes | None") -> None:
    try:
        end = multiprocessing.connection.Client(_parse(address), authkey=key)
    except (multiprocessing.AuthenticationError, EOFError, OSError) as error:
        print(type(error).__name__)
        return
    count = 0
    for size in _SIZES_BYTES:
        message = (bytes(range(251)) * (size // 251 + 1))[:size]
        end.send_bytes(message)
        count += end.recv_bytes() == message
    end.close()
    print(f"echoed {count}")


def _listener(address: str, key: "bytes | None") -> None:
    with multiprocessing.connection.Listener(
        _parse(address), authkey=key
    ) as listener:
        bound = listener.address
        text = bound if isinstance(bound, str) else f"{bound[0]}:{bound[1]}"
        print(text, flush=True)
        try:
            with listener.accept() as end:
                while True:
                    end.send_bytes(end.recv_bytes())
        except (
            multiprocessing.AuthenticationError,
            EOFError,
            OSError,
        ) as error:
            print(type(error).__name__)


def main() -> None:
    """Plays the role that is named on the command line."""
    role, address, *rest = sys.argv[1:]
    key = rest[0].encode() if rest else None
    {"client": _client, "listener": _listener}[role](address, key)


if __name__ == "__main__":
    main()

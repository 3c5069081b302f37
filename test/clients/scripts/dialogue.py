"""What the Python scripts share: checks, questions to the test that started them, waiting."""

import socket
import sys
import time

checks = 0


def check(name, got, expected):
    global checks
    checks += 1
    if got == expected and type(got) is type(expected):
        print(f"ok {name}", flush=True)
    else:
        print(f"not ok {name}: got {got!r:.200}, expected {expected!r:.200}", flush=True)


def refused(name, error, action):
    """The action raises this error."""
    global checks
    checks += 1
    try:
        got = action()
        print(f"not ok {name}: got {got!r:.200}, expected {error.__name__}", flush=True)
    except error:
        print(f"ok {name}", flush=True)


def ask(what):
    """Has the test do something and waits until it is done."""
    print(f"do {what}", flush=True)
    if sys.stdin.readline().strip() != "done":
        sys.exit(1)


def eventually(condition):
    """Polls for up to half a minute; what the condition raises counts as not yet."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if condition():
                return True
        except Exception:
            pass
        time.sleep(0.02)
    return False


def server_version(port):
    """What the server itself says, asked without the client."""
    with socket.create_connection(("127.0.0.1", int(port))) as connection:
        connection.sendall(b"version\r\n")
        return connection.recv(100).decode().strip().removeprefix("VERSION ")


def finish():
    print(f"end {checks}", flush=True)
    sys.exit(0)

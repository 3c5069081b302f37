"""Runs a program on a pseudo terminal of its own: what comes on stdin is typed, what it shows goes to stdout.

A line "\\x00ROWS COLUMNS\\n" on stdin changes the size. At the end a line "<<exit=N echo=B canonical=B>>" tells how the program ended and in what
state it has left its terminal.
"""
import fcntl
import os
import select
import struct
import sys
import termios


def resize(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def main():
    master, slave = os.openpty()
    resize(master, 24, 120)
    child = os.fork()
    if child == 0:
        os.close(master)
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for number in (0, 1, 2):
            os.dup2(slave, number)
        os.execvp(sys.argv[1], sys.argv[1:])
    print("<<pid=%d>>" % child, flush=True)
    typed = b""
    status = None
    sources = [master, 0]
    while status is None:
        ready, _, _ = select.select(sources, [], [], 0.02)
        if master in ready:
            os.write(1, os.read(master, 65536))
        if 0 in ready:
            chunk = os.read(0, 65536)
            if chunk == b"":
                sources.remove(0)
            typed += chunk
            while typed:
                if typed[0] == 0:
                    if b"\n" not in typed:
                        break
                    line, typed = typed[1:].split(b"\n", 1)
                    resize(master, *map(int, line.split()))
                else:
                    keys, mark, rest = typed.partition(b"\0")
                    os.write(master, keys)
                    typed = mark + rest
        ended, found = os.waitpid(child, os.WNOHANG)
        if ended == child:
            status = found
    while select.select([master], [], [], 0.1)[0]:
        os.write(1, os.read(master, 65536))
    flags = termios.tcgetattr(slave)[3]
    code = os.waitstatus_to_exitcode(status)
    print("<<exit=%d echo=%d canonical=%d>>" % (code, bool(flags & termios.ECHO), bool(flags & termios.ICANON)), flush=True)


main()

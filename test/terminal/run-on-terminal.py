"""Runs a program on a pseudo-terminal: python3 run-on-terminal.py COLUMNS ROWS PROGRAM ARGUMENTS...

What the program prints goes to stdout. Lines on stdin are orders: "type BASE64", "resize COLUMNS ROWS", "hang up".
Ends with the program's status, 128 + n where signal n ended it.
"""

import base64
import fcntl
import os
import pty
import select
import struct
import sys
import termios

columns, rows, *command = sys.argv[1:]


def resize(columns, rows):
    size = struct.pack("HHHH", int(rows), int(columns), 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)


go, gone = os.pipe()
child, terminal = pty.fork()
if child == 0:
    os.close(gone)
    os.read(go, 1)  # until the terminal has its size
    os.execvp(command[0], command)
resize(columns, rows)
os.close(go)
os.close(gone)

orders = b""
inputs = [0, terminal]
while terminal in inputs:
    ready, _, _ = select.select(inputs, [], [])
    if terminal in ready:
        try:
            output = os.read(terminal, 65536)
        except OSError:  # EIO: nobody has the other side open any more
            output = b""
        if output:
            while output:
                output = output[os.write(1, output) :]
        else:
            inputs.remove(terminal)
    if 0 in ready:
        chunk = os.read(0, 65536)
        if not chunk:
            inputs.remove(0)
        *lines, orders = (orders + chunk).split(b"\n")
        for line in lines:
            verb, *words = line.decode().split()
            if verb == "type":
                os.write(terminal, base64.b64decode(words[0]))
            elif verb == "resize":
                resize(*words)
            elif verb == "hang":
                inputs.remove(terminal)
os.close(terminal)
_, status = os.waitpid(child, 0)
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)

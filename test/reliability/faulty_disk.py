"""A file system of one file, `card`, that keeps its bytes in another file and plants a fault: for use below a loop device.

Usage: faulty_disk.py BACKING MOUNTPOINT LOG FAULT. FAULT is a JSON object; LOG gets a line when the fault first acts.
"""

import errno
import json
import os
import stat
import sys
import threading
import time

import fusepy as fuse

CARD = "/card"


class FaultyDisk(fuse.Operations):
    """All bytes of the card go through `read` and `write`."""

    def __init__(self, backing, log, fault):
        self.file = os.open(backing, os.O_RDWR)
        self.size = os.fstat(self.file).st_size
        self.log = log
        self.fault = fault
        self.kind = fault["kind"]
        self.written = 0
        self.hits = 0
        self.acting = False
        self.guard = threading.Lock()

    def act(self):
        """The fault acts: its first time is written down."""
        with self.guard:
            if not self.acting:
                self.acting = True
                with open(self.log, "a", encoding="utf-8") as log:
                    log.write(f"{self.kind} {time.time()}\n")

    def covers(self, offset, length):
        at = self.fault.get("at", -1)
        return offset <= at < offset + length

    def place(self, offset):
        return offset % self.fault["real"] if self.kind == "wraps" else offset

    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path != CARD:
            raise fuse.FuseOSError(errno.ENOENT)
        gone = self.kind == "vanishes" and self.acting
        return {
            "st_mode": stat.S_IFREG | 0o644,
            "st_nlink": 1,
            "st_size": 0 if gone else self.size,
        }

    def readdir(self, path, fh):
        return [".", "..", CARD[1:]]

    def open(self, path, flags):
        return 0

    def truncate(self, path, length, fh=None):
        raise fuse.FuseOSError(errno.EPERM)

    def fsync(self, path, datasync, fh):
        os.fsync(self.file)
        return 0

    flush = release = lambda self, *arguments: 0

    def fallocate(self, *arguments):
        raise fuse.FuseOSError(errno.EOPNOTSUPP)

    def read(self, path, length, offset, fh):
        if self.kind == "vanishes" and self.acting:
            raise fuse.FuseOSError(errno.EIO)
        if self.kind == "read-error" and self.covers(offset, length):
            self.act()
            raise fuse.FuseOSError(errno.EIO)
        if self.kind == "drops" and offset >= self.fault["real"]:
            return bytes(length)
        return os.pread(self.file, length, self.place(offset))

    def write(self, path, data, offset, fh):
        length = len(data)
        self.written += length
        late = self.written > self.fault.get("after", 1 << 62)
        here = self.covers(offset, length)
        if self.kind == "vanishes" and (late or self.acting):
            first = not self.acting
            self.act()
            if first:
                with open(self.log + ".vanished", "w", encoding="utf-8"):
                    pass
            # A reader keeps the request while it looks for its card.
            time.sleep(self.fault.get("silent", 0))
            raise fuse.FuseOSError(errno.EIO)
        if self.kind == "write-error" and here:
            self.act()
            raise fuse.FuseOSError(errno.EIO)
        if self.kind == "read-only" and late:
            self.act()
            raise fuse.FuseOSError(errno.EROFS)
        if self.kind == "stalls" and here:
            self.act()
            time.sleep(self.fault["seconds"])
        if self.kind == "drops" and offset >= self.fault["real"]:
            self.act()
            return length
        if self.kind == "ignores" and late:
            self.act()
            return length
        if self.kind == "wraps" and offset >= self.fault["real"]:
            self.act()
        if self.kind == "corrupts" and here:
            self.hits += 1
            # The first hit of the first MiB is the emptying.
            if self.fault.get("from", 1) <= self.hits < self.fault.get("until", 1 << 62):
                self.act()
                at = self.fault["at"] - offset
                data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        return os.pwrite(self.file, data, self.place(offset))


if __name__ == "__main__":
    backing, mountpoint, log, fault = sys.argv[1:]
    fuse.FUSE(
        FaultyDisk(backing, log, json.loads(fault)),
        mountpoint,
        foreground=True,
        direct_io=True,
        big_writes=True,
        max_write=131072,
        fsname="faulty-disk",
    )

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""notified.py SOCKET: what takes over the listeners that a container runtime sends (OCI, linux.seccomp.listenerPath). Lets every
call go on, and prints "listener" for each that comes."""
import array
import fcntl
import os
import socket
import struct
import sys
import threading

RECV, SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV, _SEND (linux/seccomp.h, x86-64)


def answer(fd):
    while True:
        request = bytearray(80)
        try:
            fcntl.ioctl(fd, RECV, request)
            # id, val, error, SECCOMP_USER_NOTIF_FLAG_CONTINUE
            fcntl.ioctl(fd, SEND, struct.pack("=QqiI", *struct.unpack_from("=Q", request), 0, 0, 1))
        except OSError:
            return


server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
server.listen()
print("ready", flush=True)
while True:
    connection = server.accept()[0]
    fds = array.array("i")
    _, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(4 * fds.itemsize))
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[:len(data) - len(data) % fds.itemsize])
    for fd in fds:
        print("listener", flush=True)
        threading.Thread(target=answer, args=(fd,), daemon=True).start()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peers that do not keep to the protocol of preload/wire.h.

badpeers.py agent HOW PATH   listens at PATH and answers one program wrongly: garbage, huge, silent, close, type, version,
                             nofd, fds, small (a page that is too small), count, ancestors
badpeers.py clients PATH     sends an agent everything but what it expects, many times over, and keeps connections open;
                             writes "ready" when it has, and stays until its standard input ends
badpeers.py keep PATH        installs a filter as the library does, but keeps its listener
"""
import array
import ctypes
import mmap
import os
import random
import socket
import struct
import sys
import time

WELCOME, HELLO, FILTER, REFUSE, FAILED = range(1, 6)
ALLOW_ALL = struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000)  # BPF_RET, SECCOMP_RET_ALLOW
NOTIFY_GETPPID = (struct.pack("=HBBI", 0x20, 0, 0, 0) + struct.pack("=HBBI", 0x15, 0, 1, 110) +
                  struct.pack("=HBBI", 6, 0, 0, 0x7FC00000) + ALLOW_ALL)


def message(kind, payload=b"", version=1, length=None):
    size = len(payload) if length is None else length
    return b"modjail" + bytes([version]) + struct.pack("=II", kind, size) + payload


def filter_message(ancestors=0, count=1, insns=ALLOW_ALL):
    return message(FILTER, struct.pack("=II", ancestors, count) + insns)


def page(size=4096):
    fd = os.memfd_create("page")
    os.ftruncate(fd, size)
    return fd


def send_fds(connection, data, fds):
    connection.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])


def agent(how, path):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen()
    connection = listener.accept()[0]
    if how == "garbage":
        connection.send(random.Random(1).randbytes(300))
    elif how == "huge":
        connection.send(message(WELCOME, bytes(100000)))
    elif how == "silent":
        connection.recv(100000)  # until the program gives up
    elif how == "type":
        connection.send(message(HELLO, bytes(4)))
    elif how == "version":
        connection.send(message(WELCOME, version=2))
    elif how != "close":
        connection.send(message(WELCOME))
        connection.recv(100000)
        answers = {
            "nofd": (filter_message(), []),
            "fds": (filter_message(), [page(), page()]),
            "small": (filter_message(), [page(100)]),
            "count": (filter_message(count=4097), [page()]),
            "ancestors": (filter_message(ancestors=2**31), [page()]),
            "invalid": (filter_message(insns=bytes([255]) * 8), [page()]),
            "dies": (filter_message(insns=NOTIFY_GETPPID, count=4), [page()]),
        }
        send_fds(connection, *answers[how])
        if how not in ("dies",):
            connection.recv(100000)
    connection.close()


def connect(path):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(path)
    connection.settimeout(20)
    return connection


def attempt(path, *packets):
    connection = connect(path)
    try:
        for packet in packets:
            connection.send(packet)
        while connection.recv(200000):
            pass
    except OSError:
        pass
    connection.close()


def clients(path):
    rand = random.Random(2)
    hello = message(HELLO, bytes(4))
    for i in range(40):
        attempt(path, rand.randbytes(rand.randrange(1, 3000)))
    for packet in (hello[:-1], hello + b"x", message(HELLO, struct.pack("=I", 0xFFFFFFFE)), message(WELCOME),
                   message(FAILED, struct.pack("=II", 3, 16)), message(REFUSE, b"no"), message(HELLO, bytes(60000)),
                   message(HELLO, bytes(4), length=2**32 - 1), message(99), message(HELLO, bytes(4), version=0), b""):
        attempt(path, packet)
    with_fds = connect(path)
    send_fds(with_fds, hello, [0, 0, 0, 0, 0])
    kept = [with_fds]
    kept += [connect(path) for _ in range(20)]  # that say nothing
    print("ready", flush=True)
    sys.stdin.read()


def seccomp(insns):
    class Program(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)
    return libc.syscall(317, 1, 8, ctypes.byref(Program(len(insns) // 8, insns)))


def keep(path):
    connection = connect(path)
    connection.recv(100)
    connection.send(message(HELLO, bytes(4)))
    data, ancillary, _, _ = connection.recvmsg(100000, 100)
    if data[8] != FILTER:
        print("refused:", data[16:].decode())
        return
    fd = struct.unpack("=i", ancillary[0][2][:4])[0]
    shared = mmap.mmap(fd, 4096)
    listener = seccomp(NOTIFY_GETPPID)
    shared[0:4] = struct.pack("=i", listener + 1)
    while shared[8:12] == bytes(4):
        time.sleep(0.01)
    shared[12:16] = struct.pack("=i", 1)  # a lie
    time.sleep(20)
    print("still there")


if sys.argv[1] == "agent":
    agent(sys.argv[2], sys.argv[3])
elif sys.argv[1] == "clients":
    clients(sys.argv[2])
else:
    keep(sys.argv[2])

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of fuzz_pack, byte by byte after pack/pack.h and pack/internal.h: a small packed file, and its
directory behind the offset at which it stands.
    tests/fuzz/make_pack_seeds.py tests/fuzz/corpus/pack"""
import hashlib
import os
import struct
import sys

NOTE_AT = 64 + 56 + 12 + 8  # ELF header, one program header, the note's head and name
NOTE_SIZE = 80


def digest(data):
    return hashlib.sha256(data).digest()


def note(packed, offset, directory):
    return struct.pack("<IIQQ32s24s", 1, packed, offset, len(directory) if packed else 0,
                       digest(directory) if packed else b"", b"0.1.0")


def modjail(description):
    ehdr = struct.pack("<4sBBB9xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    phdr = struct.pack("<IIQQQQQQ", 4, 4, 120, 120, 120, 20 + NOTE_SIZE, 20 + NOTE_SIZE, 4)
    return ehdr + phdr + struct.pack("<III8s", 8, NOTE_SIZE, 1, b"modjail") + description


def entry(kind, name, offset, data):
    name += b"\0"
    return struct.pack("<IIQQ32s", kind, len(name), offset, len(data), digest(data)) + name + b"\0" * (-len(name) % 8)


def make():
    own = modjail(note(0, 0, b""))
    parts = [(1, b"modjail", own), (2, b"prog", b"\x7fELF a program"), (7, b"sha256 of each MiB", digest(b"\x7fELF a program")), (3, b"options", b"--quiet\0--ancestry=8\0"),
             (4, b"go.mod", b"module example.com/m\n"), (5, b"m.yaml", b"version: 1\n"), (6, b"sub/a.yaml", b"version: 1\n")]
    data, entries = b"", b""
    for kind, name, content in parts:
        data += b"\0" * (-len(data) % 8)
        entries += entry(kind, name, len(data), content)
        data += content
    data += b"\0" * (-len(data) % 8)
    directory = struct.pack("<8sII", b"MJPACK1", len(parts), 0) + entries
    file = modjail(note(1, len(data), directory)) + data[len(own):] + directory
    return struct.pack("<Q", len(data)) + directory, file


def main():
    for name, data in zip(("directory", "file"), make()):
        with open(os.path.join(sys.argv[1], name), "wb") as out:
            out.write(data)


main()

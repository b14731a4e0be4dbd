#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""damage.py PROGRAM FOLDER: writes copies of a Go program with damage where modjail reads, the same ones each
time, and prints "FILE TAB WHAT" for each."""
import os
import random
import struct
import sys


def sections(data):
    """Name, offset and size of each section of an ELF64 file."""
    shoff = struct.unpack_from("<Q", data, 40)[0]
    entsize, count, strings = struct.unpack_from("<HHH", data, 58)
    headers = [struct.unpack_from("<IIQQQQ", data, shoff + i * entsize) for i in range(count)]
    names = headers[strings][4]
    for name, _, _, _, offset, size in headers:
        start = names + name
        yield data[start:data.index(b"\0", start)].decode(), offset, size


def variants(data):
    where = {name: (offset, size) for name, offset, size in sections(data)}
    tables, tables_size = where[".gopclntab"]
    info, _ = where[".go.buildinfo"]
    rng = random.Random(1)
    full = b"\xff" * 8

    def put(offset, what):
        copy = bytearray(data)
        copy[offset:offset + len(what)] = what
        return copy

    yield "no pclntab magic", put(tables, bytes(4))
    for offset in range(4, 72, 8):
        yield f"pclntab header, all ones at {offset}", put(tables + offset, full)
        yield f"pclntab header, zero at {offset}", put(tables + offset, bytes(8))
    for field in 24, 32, 40, 54, 56, 58, 60:
        yield f"ELF header, all ones at {field}", put(field, b"\xff\xff")
    for field in range(0, 56, 8):
        yield f"first program header, all ones at {field}", put(64 + field, full)
    yield "endless build info version", put(info + 32, b"\xff" * 10)
    yield "build info flags", put(info + 15, b"\xff")
    for i in range(16):
        copy = bytearray(data)
        for _ in range(1 << (i // 2)):
            copy[tables + rng.randrange(tables_size)] = rng.randrange(256)
        yield f"random bytes in pclntab, number {i}", copy


def main():
    program, folder = sys.argv[1:]
    with open(program, "rb") as source:
        data = source.read()
    os.mkdir(folder)
    for i, (what, copy) in enumerate(variants(data)):
        path = os.path.join(folder, str(i))
        with open(path, "wb") as out:
            out.write(copy)
        os.chmod(path, 0o755)
        print(path, what, sep="\t")


main()

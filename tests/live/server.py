#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""server.py DIR: accepts connections on a loopback port and on DIR/socket, one after the other, and
appends what each sends to DIR/received. Writes the port to DIR/port when it is ready."""
import os
import selectors
import socket
import sys

folder = sys.argv[1]
tcp = socket.create_server(("127.0.0.1", 0))
unix = socket.socket(socket.AF_UNIX)
unix.bind(os.path.join(folder, "socket"))
unix.listen()
selector = selectors.DefaultSelector()
for listener in tcp, unix:
    selector.register(listener, selectors.EVENT_READ)
with open(os.path.join(folder, "port.new"), "w") as port:
    port.write(str(tcp.getsockname()[1]))
os.rename(os.path.join(folder, "port.new"), os.path.join(folder, "port"))
while True:
    for key, _ in selector.select():
        connection = key.fileobj.accept()[0]
        connection.settimeout(5)
        try:
            data = connection.recv(4096)
        except OSError:
            data = b""
        connection.close()
        with open(os.path.join(folder, "received"), "ab") as received:
            received.write((data or b"nothing") + b"\n")

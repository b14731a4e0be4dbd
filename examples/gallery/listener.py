#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""listener.py FILE: prints its loopback address, answers 404 to every HTTP request, and appends it to FILE."""
import http.server
import sys


class Listener(http.server.BaseHTTPRequestHandler):
    def answer(self):
        with open(sys.argv[1], "a", encoding="utf-8") as file:
            file.write(f"{self.command} {self.path}\n")
        self.send_error(404)

    do_GET = do_HEAD = do_POST = answer

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
print("%s:%d" % server.server_address, flush=True)
server.serve_forever()

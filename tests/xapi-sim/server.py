# SPDX-License-Identifier: BSD-2-Clause
"""HTTP as XAPI serves it: Content-Length needed, 300 KiB at most, on a socket file or with TLS."""
import http.server
import os
import socket
import socketserver
import ssl
import threading
import time

from codec import Failure, decode

BODY_MAX = 300 * 1024


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "xapi"
    timeout = 600

    def address_string(self):
        return "socket"

    def log_message(self, format, *args):
        pass

    def do_POST(self):
        length = self.headers.get("Content-Length")
        if length is None or not length.isdigit():
            return self._plain(411)
        if int(length) > BODY_MAX:
            return self._plain(413)
        body = self.rfile.read(int(length))
        try:
            call = decode(self.path.split("?")[0], body)
        except Exception:
            return self._plain(400)
        self._answer(call)

    def _plain(self, status):
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, call):
        sim = self.server.sim
        rule = sim.faults.find(call.method, call.params) or {}
        action = rule.get("action")
        if action == "end":
            os._exit(0)
        if action == "status":
            return self._plain(rule["status"])
        if action == "hang":
            time.sleep(rule.get("seconds", 3600))
        if action == "close" and not rule.get("after"):
            return self._drop()
        try:
            if action == "error":
                raise Failure(*rule["description"])
            result = rule["value"] if action == "result" else self._call(call)
            if action == "field":
                for record in result.values():
                    record[rule["name"]] = rule["value"]
            body = call.result(result)
        except Failure as e:
            body = call.failure(e.description)
        if action == "close":
            return self._drop()
        self._send(call, body, action, rule)

    def _call(self, call):
        if self.server.member:
            raise Failure("HOST_IS_SLAVE", self.server.member)
        return self.server.sim.calls.call(call.method, call.params, self.server.trusted)

    def _drop(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _send(self, call, body, action, rule):
        if action == "cut":
            body = body[:len(body) // 2]
        self.send_response(200)
        self.send_header("Content-Type", call.content_type)
        if action == "endless":
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if action == "half":
            self.wfile.write(body[:len(body) // 2])
            self.wfile.flush()
            return self._drop()
        if action == "slow":
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(rule.get("seconds", 1))
            return None
        while action == "endless":
            self.wfile.write(b" " * 65536)
        self.wfile.write(body)
        return None


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128
    tls = None
    trusted = False
    member = None  # the coordinator's address, if this is not it

    def finish_request(self, request, client_address):
        if self.tls:
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass  # clients that went away


class SocketServer(Server):
    address_family = socket.AF_UNIX
    trusted = True

    def server_bind(self):
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", 0

    def get_request(self):
        request, _ = self.socket.accept()
        return request, ("socket", 0)


def serve(server, sim):
    server.sim = sim
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()


def tls_context(cert, seen):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert)
    context.sni_callback = lambda _sock, name, _context: seen.append(name)
    return context

"""An HTTP proxy that may ask for a password: tunnels by CONNECT, and carries plain http."""

import base64
import contextlib
import socket
import threading


class ConnectProxy:
    """Leads every host to the port that ``routes`` names, or to ``port``; a context manager.

    Args:
        port: Of a server on loopback.
        password: ``user:password``; without it every request is answered 407.
        refuses: A status that every request is answered with.
        routes: Host name to port.
    """

    def __init__(self, port=0, *, password=None, refuses=None, routes=None):
        self.port_of = dict(routes or {})
        self.default = port
        self.password = password
        self.refuses = refuses
        self.requests = []
        self._sockets = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def url(self, user=""):
        return f"http://{user}@{self.address}" if user else f"http://{self.address}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for each in self._sockets:
            each.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.add(client)
            self._start(self._serve, client)

    def _start(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, client):
        head = b""
        with contextlib.suppress(OSError):
            while b"\r\n\r\n" not in head:
                piece = client.recv(65_536)
                if not piece:
                    return
                head += piece
            self._answer(client, head)

    def _answer(self, client, head):
        line, *rest = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        headers = dict(one.lower().split(": ", 1) for one in rest)
        method, target, _ = line.split(" ")
        self.requests.append((method, target))
        status = self.refuses
        if status is None and self.password is not None:
            wanted = "basic " + base64.b64encode(self.password.encode()).decode().lower()
            status = None if headers.get("proxy-authorization") == wanted else 407
        if status is not None:
            client.sendall(
                f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            client.shutdown(socket.SHUT_RDWR)
            return
        if method == "CONNECT":
            host = target.rpartition(":")[0]
            head = b""
        else:
            host, _, path = target.partition("://")[2].partition("/")
            head = head.replace(target.encode(), b"/" + path.encode(), 1)
            host = host.partition(":")[0]
        server = socket.create_connection(("127.0.0.1", self.port_of.get(host, self.default)))
        self._sockets.add(server)
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            server.sendall(head)
        self._start(self._carry, server, client)
        self._carry(client, server)

    @staticmethod
    def _carry(source, target):
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                target.sendall(piece)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

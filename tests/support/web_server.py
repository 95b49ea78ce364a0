"""A web server on loopback in a thread, to whom it is nothing that its clients go away."""

import sys
import threading
from http.client import HTTPException
from http.server import ThreadingHTTPServer


class WebServer(ThreadingHTTPServer):
    """Serves ``handler`` at ``url`` until ``close``; a context manager too."""

    daemon_threads = True

    def __init__(self, handler, *, tls=None, host="127.0.0.1"):
        super().__init__((host, 0), handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.url = f"http{'' if tls is None else 's'}://{host}:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request, client_address):
        """Clients are killed, and close what they have read enough of: only the rest is an error.

        What ``http.server`` does here, writing to standard error, fails in a thread that outlives
        the test whose standard error it was.
        """
        error = sys.exception()
        if not isinstance(error, OSError | HTTPException):
            raise error

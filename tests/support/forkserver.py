"""Imports the program once, and forks for each request on its socket: see ``started``."""

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
from importlib import import_module


def serve(address):
    """Fork for every request; returns the arguments in each child, and never in the parent."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"\0{address}")
    listener.listen(64)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(0, selectors.EVENT_READ)  # ends with the tester
    children = {}
    os.write(1, b"ready\n")
    while True:
        for key, _ in selector.select():
            if key.fileobj == 0:
                os._exit(0)
            if key.fileobj is not listener:
                _report(selector, children, key.fileobj)
                continue
            connection, _ = listener.accept()
            content, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
            request = json.loads(content)
            child = os.fork()
            if not child:
                selector.close()
                listener.close()
                connection.close()
                for number, (reported, _pid) in children.items():
                    reported.close()
                    os.close(number)
                return _become(request, descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            number = os.pidfd_open(child)
            children[number] = connection, child
            selector.register(number, selectors.EVENT_READ)
            connection.send(str(child).encode())


def _report(selector, children, number):
    selector.unregister(number)
    os.close(number)
    connection, child = children.pop(number)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(OSError):  # nobody may wait for it any more
        connection.send(str(status).encode())
    connection.close()


def _become(request, descriptors):
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["bulkput", *request["arguments"]]
    return request["arguments"]


def prepare():
    """Import what a run imports, and leave the process as an interpreter starts it."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for name in (
        "uvloop",
        "bulkput.api.delivery",
        "bulkput.api.download",
        "bulkput.api.event_loop",
        "bulkput.api.job",
        "bulkput.api.verify",
        "bulkput.api.status",
        "bulkput.cli.download",
        "bulkput.cli.confirm",
        "bulkput.cli.emulator",
        "bulkput.cli.main",
        "bulkput.cli.outcomes",
        "bulkput.cli.report",
        "bulkput.cli.run",
        "bulkput.cli.shown_run",
        "bulkput.cli.upload",
        "bulkput.cli.verify",
        # What a run imports only where it is asked for: here most runs are asked for some of it.
        "bulkput.config.yaml_file",
        "bulkput.jobs.run",
        "bulkput.jobs.session.snapshot_reader",
        "bulkput.jobs.upload.publish",
        "bulkput.jobs.upload.read_back",
        "bulkput.observe.event_stream",
        "bulkput.observe.log_file",
        "bulkput.observe.summary",
        "bulkput.emulator.serve",
        "encodings.idna",
    ):
        import_module(name)
    import_module("bulkput.source.open").import_all_kinds()
    signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    prepare()
    arguments = serve(sys.argv[1])
    import_module("bulkput.cli.main").main(arguments)

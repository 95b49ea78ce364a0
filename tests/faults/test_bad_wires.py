"""A network that fails between the program and the service."""

import http.server
import json
import socket

import pytest
from faults.emulated import until
from faults.proxy import (
    Blackhole,
    CloseAfter,
    Deaf,
    DripAnswer,
    Garbage,
    LoseAnswer,
    ResetAfter,
    TruncateAnswer,
)
from support.web_server import WebServer


@pytest.mark.parametrize(
    "script",
    [
        [Blackhole(), Deaf(), Blackhole()],
        [ResetAfter(), CloseAfter(), ResetAfter(at_bytes=1), CloseAfter(at_bytes=1)],
        [DripAnswer(), LoseAnswer(), LoseAnswer(), DripAnswer()],
        [TruncateAnswer(), Garbage(), TruncateAnswer(at_bytes=120), Garbage()],
    ],
    ids=["silent", "broken", "answers-late-or-lost", "answers-damaged"],
)
def test_connections_that_fail_cost_puts_and_nothing_else(
    live, proxied, bulkput, image, check, script
):
    server = live(latency_ms=20)  # so that several connections are in use
    source = image(40, tail_bytes=1)
    result = bulkput(proxied(server.port, *script)).upload(source)
    assert result["puts"]["retried"] >= len(script)
    check(server, result["snapshot_id"], source)


def test_a_network_that_is_gone_for_a_while_is_waited_for(live, proxied, bulkput, image, check):
    server = live(latency_ms=30)
    proxy = proxied(server.port)
    source = image(40)
    with bulkput(proxy, puts_per_s_snapshot=40).start("upload", source, "--verbose") as running:
        until(lambda: server.stored >= 10)
        proxy.cut()
        before = server.stored
        # A minute of it would be the same: what matters is that attempts fail at once.
        with pytest.raises(AssertionError):
            until(lambda: running.poll() is not None, limit_s=1.5)
        proxy.open()
        out, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    result = json.loads(out)
    assert before < 40
    assert server.stored <= 40 + 16
    check(server, result["snapshot_id"], source)


def test_a_network_that_does_not_come_back_ends_in_code_5(
    live, proxied, bulkput, image, check, ends
):
    server = live(latency_ms=30)
    proxy = proxied(server.port)
    source = image(30)
    program = bulkput(proxy, puts_per_s_snapshot=40, give_up_after="1s", shutdown_grace="0.5s")
    with program.start("upload", source) as running:
        until(lambda: server.stored >= 10)
        proxy.cut()
        out, err = running.communicate(timeout=20)
    assert running.returncode == 5, err
    assert "Traceback" not in err
    assert "resume with: bulkput upload" in err
    given_up = json.loads(out)
    assert given_up["exit_code"] == 5
    acknowledged = given_up["blocks"]["put"]
    assert 0 < acknowledged < 30
    proxy.open()
    result = program.upload(source)
    assert result["blocks"]["resumed"] == acknowledged
    check(server, result["snapshot_id"], source)


def test_a_service_that_changes_its_address_is_found_again(live, proxied, bulkput, image, check):
    known = {info[4][0] for info in socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)}
    if known != {"::1", "127.0.0.1"}:
        pytest.skip(f"localhost is {known} here: it cannot move")
    server = live(latency_ms=30)
    proxy = proxied(server.port, host="::1")
    source = image(40)

    class Named:
        url = f"http://localhost:{proxy.port}"

    with bulkput(Named, puts_per_s_snapshot=40).start("upload", source) as running:
        until(lambda: server.stored >= 10)
        proxy.cut()
        proxy.open(host="127.0.0.1")
        out, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    check(server, json.loads(out)["snapshot_id"], source)


def test_nobody_listening_ends_in_code_5_with_the_address(proxied, bulkput, image, ends):
    proxy = proxied(1)
    proxy.cut()
    program = bulkput(proxy, give_up_after="1s", operation_deadline="1s")
    ends(program.run("upload", image(2)), 5, f"127.0.0.1:{proxy.port}", "resume with")


def test_a_server_that_is_not_ebs_is_reported(tmp_path, bulkput, image, ends):
    class Web(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b"<html><body>It works!</body></html>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST  # noqa: N815 - http.server's names

        def log_message(self, *_):
            pass

    with WebServer(Web) as web:
        done = bulkput(web, give_up_after="1s", operation_deadline="1s").run("upload", image(2))
    ends(done, 3, "endpoint", web.url, "StartSnapshot")

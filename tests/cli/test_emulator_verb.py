"""``bulkput emulator``: from flags to options, and what cannot be served."""

import errno
import io
import re
import socket
import ssl
import subprocess
import sys
import types

import pytest

from bulkput.emulator.options import EmulatorOptions
from bulkput.emulator.store import StoreError


@pytest.fixture
def server_that(monkeypatch):
    """Put a server in place that becomes ready, or raises the given error."""
    seen = []

    def arrange(error=None):
        def run(options, on_ready):
            seen.append((options, options.root.is_dir()))
            if error is not None:
                raise error
            on_ready("http://127.0.0.1:4711")

        fake = types.ModuleType("bulkput.emulator.serve")
        fake.run = run
        monkeypatch.setitem(sys.modules, "bulkput.emulator.serve", fake)
        return seen

    return arrange


def test_the_url_is_one_line_on_stdout(bulkput, server_that):
    server_that()
    ended = bulkput("emulator")
    assert ended.status == 0
    assert ended.out == "bulkput emulator listening on http://127.0.0.1:4711\n"
    assert ended.err == (
        "To use it from this machine, paste into a shell:\n"
        "export AWS_ENDPOINT_URL=http://127.0.0.1:4711\n"
        "export AWS_REGION=us-east-1\n"
        "export AWS_ACCESS_KEY_ID=AKIAEMULATOREXAMPLE0\n"
        "export AWS_SECRET_ACCESS_KEY=emulator/secret/key/for/rehearsal/only00\n"
    )


def test_what_to_set_is_all_of_stdout_where_it_is_asked_for(bulkput, server_that, tmp_path):
    server_that()
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).touch()
    certificate = [f"--tls-cert={tmp_path / 'c.pem'}", f"--tls-key={tmp_path / 'k.pem'}"]
    ended = bulkput("emulator", "--env", "--secret-key=own", "--access-key=it's", *certificate)
    assert (ended.status, ended.err) == (0, "")
    shown = subprocess.run(
        ["sh", "-c", ended.out + 'printf "%s|" "$AWS_ACCESS_KEY_ID" "$AWS_CA_BUNDLE"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == f"it's|{tmp_path / 'c.pem'}|"
    assert "own" not in ended.out, "a secret of one's own is no text for a terminal"


def test_without_flags_the_options_are_the_servers_own(bulkput, server_that):
    seen = server_that()
    bulkput("emulator")
    options, was_there = seen[0]
    assert options == EmulatorOptions(root=options.root)
    assert was_there
    assert not options.root.exists()


def test_every_flag_reaches_the_options(bulkput, server_that, tmp_path):
    seen = server_that()
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).touch()
    flags = [
        *("--host=::1", "--port=8080", "--root=data", "--latency-ms=2.5", "--jitter-ms=1"),
        *("--puts-per-s-snapshot=50", "--puts-per-s-account=0", "--verbose", "--faults"),
        *("--tls-cert=c.pem", "--tls-key=k.pem", "--access-key=AKIAX", "--secret-key=abc"),
    ]
    assert bulkput("emulator", *flags).status == 0
    options, _ = seen[0]
    assert options.root.absolute() == tmp_path / "data"
    assert (options.host, options.port) == ("::1", 8080)
    assert (options.latency_ms, options.jitter_ms) == (2.5, 1.0)
    assert (options.puts_per_s_snapshot, options.puts_per_s_account) == (50.0, None)
    assert (str(options.tls_cert), str(options.tls_key)) == ("c.pem", "k.pem")
    assert (options.access_key, options.secret_key) == ("AKIAX", "abc")
    assert options.verbose
    assert options.faults


def warnings(ended):
    """Return the warnings among what people are shown."""
    return [line for line in ended.err.splitlines() if line.startswith("bulkput: warning:")]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "ebs.internal"])
def test_what_an_address_open_to_the_network_means_is_one_warning(bulkput, server_that, host):
    server_that()
    ended = bulkput("emulator", "--host", host)
    assert ended.status == 0
    (warning,) = warnings(ended)
    assert warning.startswith(f"bulkput: warning: --host {host} is open to the network: ")
    assert "--secret-key" in warning
    assert "--tls-cert" in warning


def test_a_warning_says_only_what_is_so(bulkput, server_that, tmp_path):
    server_that()
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).touch()
    keys = ("--access-key=AKIAX", "--secret-key=abc", "--tls-cert=c.pem", "--tls-key=k.pem")
    ended = bulkput("emulator", "--host=0.0.0.0", *keys)
    (warning,) = warnings(ended)
    assert "open to the network" in warning
    assert "--secret-key" not in warning
    assert "--tls-cert" not in warning
    for host in ("127.0.0.1", "::1", "localhost"):
        assert warnings(bulkput("emulator", "--host", host)) == []


def test_a_secret_can_come_where_no_other_user_sees_it(bulkput, server_that, monkeypatch):
    seen = server_that()
    monkeypatch.setattr("sys.stdin", io.StringIO("abc/def\nmore\n"))
    assert bulkput("emulator", "--access-key=AKIAX", "--secret-key=-").status == 0
    assert seen[0][0].secret_key == "abc/def"
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    ended = bulkput("emulator", "--access-key=AKIAX", "--secret-key=-")
    assert (ended.status, len(seen)) == (2, 1)
    assert "--secret-key" in ended.err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EADDRINUSE, "Address already in use"), "cannot serve: Address already in"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "data"), "data: Not a directory"),
        (ssl.SSLError(9, "[SSL] PEM lib"), "--tls-cert, --tls-key: expected a certificate"),
        (socket.gaierror(-2, "Name or service not known"), "--host: Name or service not known"),
        (StoreError("data is served by another emulator"), "data is served by another emulator"),
    ],
)
def test_what_cannot_be_served_is_one_sentence_and_code_3(bulkput, server_that, error, message):
    server_that(error)
    ended = bulkput("emulator")
    assert (ended.status, ended.out) == (3, "")
    assert ended.err.startswith("bulkput: error: emulator: ")
    assert ended.err.count("\n") == 1
    assert message in ended.err


def test_a_certificate_that_is_not_there_is_named(bulkput, tmp_path):
    (tmp_path / "k.pem").touch()
    ended = bulkput("emulator", "--tls-cert=c.pem", "--tls-key=k.pem")
    assert (ended.status, ended.out) == (2, "")
    assert "'c.pem' does not exist" in ended.err


def test_the_real_server_reports_its_url_and_ends_in_order_on_a_signal(tmp_path):
    command = [sys.executable, "-m", "bulkput", "emulator", "--root", str(tmp_path / "data")]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        url = re.fullmatch(r"bulkput emulator listening on http://127\.0\.0\.1:(\d+)\n", line)
        assert url, line
        with socket.create_connection(("127.0.0.1", int(url[1])), timeout=10):
            pass
        second = subprocess.run(
            [*command, "--port", url[1]], capture_output=True, text=True, timeout=60, check=False
        )
        assert second.returncode == 3
        assert "Traceback" not in second.stderr
        server.terminate()
        out, err = server.communicate(timeout=60)
        assert (server.returncode, out) == (0, "")
        assert f"export AWS_ENDPOINT_URL=http://127.0.0.1:{url[1]}\n" in err
        assert "Traceback" not in err
    finally:
        server.kill()
        server.communicate()

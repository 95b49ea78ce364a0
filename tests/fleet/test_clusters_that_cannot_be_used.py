"""Why a cluster cannot be used is one sentence, soon: Ray would try for a quarter of an hour."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from faults.emulated import until
from virtual_time import run_virtual

from bulkput.fleet import connection, head
from bulkput.fleet.extra import RAY_ENVIRONMENT, load_ray, require_token
from bulkput.fleet.host import host_command
from bulkput.model.errors import ConfigError, UsageError

TOKEN = {"RAY_AUTH_TOKEN": "5e" * 32}


async def use(address, report=print):
    async def call(function):
        return function()

    async with connection.connected(address, call, report):
        pass


@pytest.fixture
def rays(monkeypatch):
    """Return a function that takes Ray's place with one whose start fails so, or is not reached."""

    class Ray:
        words = None
        line = b"of Ray"

        def init(self, **given):
            assert self.words, "it was not to be asked"
            os.write(2, b"[2026-11-29 12:22:04,663 W 8122 8164] gcs_client.cc:210: " + self.line)
            os.write(2, b"\nof others\n")
            sys.stdout.write("what becomes of workers")
            raise ConnectionError(self.words)

        def shutdown(self):
            pass

    ray = Ray()
    monkeypatch.setattr(connection, "load_ray", lambda: ray)
    for name in (*connection._OF_CLIENTS, "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, TOKEN.get(name, "1"))
    return ray


def runs(pid):
    try:
        return bool((Path("/proc") / str(pid) / "cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_nothing_is_left_of_a_cluster_that_does_not_come_up(rays):
    rays.words, started = "timed out during startup", []
    refuse = rays.init

    def init(**given):
        raylet = subprocess.Popen(["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE)
        started.extend([raylet, int(raylet.stdout.readline())])
        raylet.stdout.close()
        refuse(**given)

    rays.init = init
    other = subprocess.Popen(["sleep", "600"])
    with pytest.raises(ConfigError, match="timed out during startup"):
        asyncio.run(use("local"))
    assert started[0].wait(5) == -9
    until(lambda: not runs(started[1]), 5)
    assert other.poll() is None, "it is not the cluster's"
    other.kill()
    other.wait()


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_head_that_is_not_there_is_named_at_once(rays):
    with pytest.raises(ConfigError, match="no head can be reached: connect"):
        asyncio.run(use(f"127.0.0.1:{closed_port()}"))


@pytest.mark.parametrize("comes_after", [3, 10_000])
def test_a_server_of_clients_is_waited_for_a_while_as_it_comes_later_than_its_head(
    rays, monkeypatch, comes_after
):
    looks, asked, reported = iter(range(20_000)), [], []

    async def unreachable(where):
        asked.append(where)
        return None if next(looks) >= comes_after else "connection refused"

    async def live():
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(ConfigError, match="of Ray's" if comes_after == 3 else "be reached: co"):
            await use("ray://h:10001", reported.append)
        waited_s = asyncio.get_running_loop().time() - began_s
        assert waited_s < head.CLIENTS_WAIT_S + 2.1

    rays.words = "something of Ray's"
    monkeypatch.setattr(head, "unreachable", unreachable)
    run_virtual(live())
    assert set(asked) == {"h:10001"}
    (line,) = reported
    assert line.startswith("h:10001: the head cannot be reached yet: connection refused.")


@pytest.mark.parametrize("fails", [1, 2])
@pytest.mark.parametrize(
    "words", ["Starting Ray client server failed. See", "Proxy failed to Connect to backend"]
)
def test_a_connection_for_which_the_head_starts_no_process_is_made_once_more(
    rays, monkeypatch, words, fails
):
    rays.words = f"Initialization failure from server:\nTraceback\nRuntimeError: {words}"
    refuse, began = rays.init, []

    def init(**given):
        began.append(given["address"])
        if len(began) <= fails:
            refuse(**given)

    async def reachable(_):
        return None

    rays.init = init
    monkeypatch.setattr(head, "unreachable", reachable)
    if fails == 1:
        asyncio.run(use("ray://h:10001"))
    else:
        with pytest.raises(ConfigError, match="starts no process for a Ray client"):
            asyncio.run(use("ray://h:10001"))
    assert began == 2 * ["ray://h:10001"]


def test_a_port_that_cannot_be_is_refused(rays):
    with pytest.raises(ConfigError, match="no head can be reached"):
        asyncio.run(use("127.0.0.1:99999"))


def test_a_name_that_nobody_has_is_refused(rays, monkeypatch):
    async def unknown(*_):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio, "open_connection", unknown)
    with pytest.raises(ConfigError, match="no head can be reached: name or service not known"):
        asyncio.run(use("nobody:6379"))


def test_one_that_answers_nothing_is_given_up(rays, monkeypatch):
    async def hang(*_):
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio, "open_connection", hang)
    monkeypatch.setattr(head, "REACH_LIMIT_S", 0.01)
    with pytest.raises(ConfigError, match="no answer within"):
        asyncio.run(use("10.0.0.5:6379"))


def test_a_machine_without_a_cluster_learns_what_there_is_to_do(rays, monkeypatch):
    class Services:
        def canonicalize_bootstrap_address_or_die(self, address):
            raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr(connection, "import_module", lambda _: Services())
    with pytest.raises(ConfigError, match="belongs to no Ray cluster: bulkput fleet host"):
        asyncio.run(use("auto"))


def test_without_a_token_nobody_is_asked(rays, monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no token of the cluster"):
        asyncio.run(use("127.0.0.1:1"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"Unauthenticated: Authentication token is missing", "must hold the cluster's secret"),
        (b"404", "hangs, or is no head of a Ray cluster"),
    ],
)
def test_a_refusal_is_one_sentence_without_rays_own_lines(rays, capfd, line, expected):
    rays.words, rays.line = "Failed to connect to Ray cluster at 127.0.0.1:1", line
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ConfigError, match=expected):
            asyncio.run(use(address))
    assert capfd.readouterr() == ("", "of others\n")


def test_a_machine_that_is_no_host_of_the_cluster_learns_so(rays, monkeypatch):
    async def reachable(_):
        return None

    def init(**given):
        raise ConnectionError("Failed to connect to Ray cluster at h:1") from RuntimeError(
            "No node info found matching attributes: '' when trying to resolve node to connect to."
        )

    rays.init = init
    monkeypatch.setattr(head, "unreachable", reachable)
    with pytest.raises(ConfigError, match="h:1: no cluster can be used there: this machine is no"):
        asyncio.run(use("h:1"))


@pytest.mark.parametrize("kept_in", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "file"])
def test_a_token_is_had_from_each_place(monkeypatch, tmp_path, kept_in):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError):
        require_token({})
    if kept_in == "file":
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").write_text("x")
    require_token({} if kept_in == "file" else {kept_in: "x"})


@pytest.mark.parametrize(
    ("address", "is_given"),
    [("local", True), ("10.0.0.5:6379", True), ("ray://10.0.0.5:10001", False)],
)
def test_processes_of_a_cluster_import_nothing_of_the_drivers_folder(
    monkeypatch, tmp_path, address, is_given
):
    given = {}
    connection._init(SimpleNamespace(init=lambda **each: given.update(each)), {"address": address})
    assert ("job_config" in given) == is_given, "over ray:// the head's process begins the job"
    assert not {"runtime_env", "_system_config"} & given.keys()
    if is_given:
        job = given["job_config"]
        job._py_driver_sys_path.extend([str(tmp_path)])  # as ray.init does
        sent = job._get_proto_job_config()
        assert not [*sent.py_driver_sys_path, *sent.code_search_path]
        assert not sent.runtime_env_info.uris.working_dir_uri


def test_nobody_is_reported_to(monkeypatch):
    for name in RAY_ENVIRONMENT:
        monkeypatch.setenv(name, "")
    load_ray()
    usage = pytest.importorskip("ray._common.usage.usage_lib")
    assert not usage.usage_stats_enabled()
    assert "--disable-usage-stats" in host_command(None, None, {})
    assert "--disable-usage-stats" in host_command("10.0.0.5:6379", "b", {})


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in (*RAY_ENVIRONMENT, *connection._OF_CLIENTS):
        monkeypatch.setenv(name, "")
    with pytest.raises(UsageError, match=r"pip install 'bulkput\[fleet\]'"):
        asyncio.run(use("127.0.0.1:1"))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("InvalidAuthToken: Authentication token is missing", "the cluster's secret"),
        ("Timed out while waiting for GCS to become available.", "hangs, or is no head"),
        ("of another kind: Ray has its own limits", None),
        (None, None),
    ],
)
def test_a_host_that_no_head_takes_is_refused_before_ray_starts(monkeypatch, words, why):
    def client(address):
        if words is not None:
            raise ConnectionError(words)

    monkeypatch.setattr(connection, "import_module", lambda _: SimpleNamespace(GcsClient=client))
    if why is not None:
        with pytest.raises(ConfigError, match=rf"h:1: no cluster .* {why}"):
            connection.require_admission("h:1")
    else:
        connection.require_admission("h:1")

"""Keys and passwords that are planted in every place are in nothing that a run leaves or starts."""

import base64
import json
import os
import stat
import subprocess
import sys

import pytest
from support.connect_proxy import ConnectProxy
from support.images import qemu_img, write_sample
from support.whole import ACCESS_KEY, BLOCK, ENVIRONMENT, SECRET_KEY, Program

TOKEN = "session/token/canary/0123456789abcdef"
PASSWORD = "pass:w0rd@canary"
USER = "al%2Fice:pass%3Aw0rd%40canary"
BASIC = base64.b64encode(f"al/ice:{PASSWORD}".encode()).decode()
SECRETS = (SECRET_KEY, TOKEN, PASSWORD, USER, USER.partition(":")[2], BASIC, "Signature=")

WITNESS = """
import os, sys
from pathlib import Path
folder = Path(os.environ["WITNESS"])
for name in ("cmdline", "environ", "limits"):
    (folder / f"{os.getpid()}.{name}").write_bytes(Path(f"/proc/self/{name}").read_bytes())
"""
"""What every interpreter does that is started: it records how others see it."""

WRAPPER = """#!/bin/sh
for name in cmdline environ limits; do cp /proc/$$/$name {folder}/$$.$name; done
exec {program} "$@"
"""

PROCESS = """#!/bin/sh
cp /proc/$$/cmdline {folder}/process.cmdline
cat {folder}/../keys.json
"""


def script(path, text):
    path.write_text(text)
    path.chmod(0o700)
    return path


@pytest.fixture
def witness(tmp_path):
    """Return a folder that has the command line, environment and limits of every process."""
    folder = tmp_path / "witness"
    folder.mkdir()
    (tmp_path / "sitecustomize.py").write_text(WITNESS)
    return folder


def witnessed(folder, part):
    """Return what ``folder`` has of the processes with ``part`` in their command line."""
    numbers = [path.stem for path in folder.glob("*.cmdline") if part.encode() in path.read_bytes()]
    assert numbers, f"no process with {part} in its command line"
    return [
        (folder / f"{number}.{name}").read_bytes().decode("latin-1")
        for number in numbers
        for name in ("cmdline", "environ", "limits")
    ]


def require_none(texts):
    for text in texts:
        for secret in SECRETS:
            assert secret not in text


def files_of(*folders):
    """Return the content of all files below ``folders``, which nobody else may read."""
    for folder in folders:
        for path in folder.rglob("*"):
            expected = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == expected, path
            if path.is_file():
                yield path.read_bytes().decode("latin-1")


def start(*arguments, environ):
    """Run an interpreter of its own, as a user does, whose children have one too."""
    return subprocess.run(
        [sys.executable, "-m", "bulkput", *map(str, arguments)],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_no_child_of_a_job_shows_a_key(server, witness, tmp_path):
    raw = write_sample(tmp_path / "disk.img")
    qemu_img("convert", "-O", "qcow2", raw, tmp_path / "disk.qcow2")
    keys = {"Version": 1, "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    process = script(tmp_path / "process", PROCESS.format(folder=witness))
    tools = tmp_path / "tools"
    tools.mkdir()
    script(tools / "qemu-nbd", WRAPPER.format(folder=witness, program="/usr/bin/qemu-nbd"))
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {process}\n")
    job = {
        "version": 1,
        "endpoint": server.url,
        "region": "us-east-1",
        "parallel": 2,
        "state_dir": str(tmp_path / "state"),
        "tuning": {"processes": 2},
        "volumes": [
            {"name": "raw", "source": str(raw)},
            {"name": "image", "source": str(tmp_path / "disk.qcow2")},
        ],
    }
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    environ = {name: value for name, value in ENVIRONMENT.items() if "KEY" not in name} | {
        "HOME": str(tmp_path),
        "AWS_CONFIG_FILE": str(config),
        "HTTPS_PROXY": f"http://{USER}@127.0.0.1:9",
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)]),
        "WITNESS": str(witness),
    }
    names = ("events.jsonl", "run.log", "run.html", "run.prom")
    events, log, report, metrics = (tmp_path / name for name in names)
    done = start(
        *("run", tmp_path / "job.yaml", "--output", "json", "--verbose"),
        *("--events", events, "--log-file", log, "--report", report),
        *("--metrics-textfile", metrics),
        environ=environ,
    )
    assert done.returncode == 0, done.stderr
    require_none([done.stdout, done.stderr])
    require_none(path.read_text() for path in (events, log, report, metrics))
    assert "2 of 2 volumes done" in report.read_text()
    require_none(files_of(tmp_path / "state"))
    require_none(path.read_bytes().decode("latin-1") for path in witness.glob("*.cmdline"))
    assert (witness / "process.cmdline").exists()
    require_none(witnessed(witness, "qemu-nbd"))
    for text in witnessed(witness, "bulkput.jobs.lanes"):
        assert SECRET_KEY not in text  # the proxy's password is the user's own environment
    lines = [
        line
        for path in witness.glob("*.limits")
        if "bulkput\0run" not in path.with_suffix(".cmdline").read_text()  # before its main
        for line in path.read_text().splitlines()
    ]
    limits = {line.split()[4] for line in lines if line.startswith("Max core file size")}
    assert limits <= {"0", "1"}


def test_the_embedded_server_is_started_without_keys_and_passwords(witness, tmp_path):
    raw = write_sample(tmp_path / "disk.img")
    environ = ENVIRONMENT | {
        "AWS_SESSION_TOKEN": TOKEN,
        "HOME": str(tmp_path),
        "https_proxy": f"{USER}@127.0.0.1:9",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)]),
        "WITNESS": str(witness),
    }
    done = start(
        *("upload", raw, "--endpoint-url", "embedded", "--state-dir", tmp_path / "state"),
        environ=environ,
    )
    assert done.returncode == 0, done.stderr
    require_none(witnessed(witness, "emulator"))


@pytest.mark.parametrize(
    ("source", "proxy"),
    [
        ("disk", "http://{user}@{address}"),
        ("disk", "{user}@{address}"),
        ("disk", "http://{user}@no.such.proxy.invalid:80"),
        ("disk", "http://{user}@[::1"),
        ("disk", "socks5://{user}@{address}"),
        ("https://disks.example/disk.img", "{user}@{address}"),
        ("https://disks.example/disk.img", "http://{user}@[::1"),
        ("s3://bucket/disk", "{user}@{address}"),
        ("s3://bucket/disk", "http://{user}@[::1"),
    ],
)
def test_a_proxys_password_is_in_no_artefact(server, tmp_path, source, proxy):
    if source == "disk":
        source = tmp_path / "disk.img"
        source.write_bytes(os.urandom(BLOCK))
    with ConnectProxy(1, refuses=407) as connect:
        environ = dict(ENVIRONMENT, HOME=str(tmp_path), AWS_SESSION_TOKEN=TOKEN)
        for name in ("HTTPS_PROXY", "http_proxy"):
            environ[name] = proxy.format(user=USER, address=connect.address)
        program = Program(server, tmp_path / "state", environ)
        program.server = type("Aws", (), {"url": "https://ebs.us-east-1.amazonaws.com"})
        log = tmp_path / "run.log"
        done = program.run("upload", source, "--verbose", "--log-file", log)
    artefacts = [done.stdout, done.stderr]
    artefacts += [path.read_text() for path in (log, program.events) if path.exists()]
    require_none(artefacts)
    require_none(files_of(tmp_path / "state"))
    assert done.returncode in {3, 4, 5}, done.stderr


def test_no_core_is_left_of_a_program_that_crashes(tmp_path):
    code = (
        "import os, resource\n"
        "from bulkput.jobs.process.event_loop import run_in_loop\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_CORE)\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))\n"
        "async def crash(): os.abort()\n"
        "run_in_loop(crash)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert os.WIFSIGNALED(status)
    assert not os.WCOREDUMP(status)
    assert list(tmp_path.iterdir()) == []

"""Why there are no credentials: the program, terminal or service that gave none is named."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from bulkput.ebs import credential_chain, credential_process
from bulkput.ebs.aws_session import new_session
from bulkput.ebs.credentials import ChainCredentials
from bulkput.ebs.region import resolve_region
from bulkput.model.errors import ConfigError, CredentialsError


def chain(profile=None):
    return ChainCredentials(lambda: new_session(profile), lambda: 0.0)


@pytest.fixture
def configured(tmp_path):
    def write(text):
        (tmp_path / "aws-config").write_text("[default]\nregion = us-east-1\n" + text)

    return write


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("/no/such/helper --secret canary", "'/no/such/helper' cannot be started: No such file"),
        ("/etc/passwd canary", "'/etc/passwd' cannot be started: Permission denied"),
        ("sh -c 'echo locked >&2; exit 3'", "'sh' failed: locked"),
        ("echo canary", "'echo' printed no credentials in the form"),
        ('echo {"Version":1}', "'echo' printed no credentials in the form"),
    ],
)
async def test_a_credential_process_is_named(configured, command, words):
    configured(f"credential_process = {command}\n")
    with pytest.raises(CredentialsError, match=words) as caught:
        await chain().current()
    assert "canary" not in str(caught.value)


async def test_that_of_a_source_profile_too(configured):
    configured(
        "role_arn = arn:aws:iam::111122223333:role/r\nsource_profile = base\n"
        "[profile base]\ncredential_process = /no/such/helper\n"
    )
    with pytest.raises(CredentialsError, match="'/no/such/helper' cannot be started"):
        await chain().current()


HANGS = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
time.sleep(60)
"""


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("ends_by", ["time", "cancellation"])
async def test_a_process_that_hangs_is_ended_with_all_it_started(
    configured, tmp_path, monkeypatch, caplog, ends_by
):
    monkeypatch.setattr(credential_process, "_SILENCE_S", 0.0 if ends_by == "time" else 30.0)
    script, pids = tmp_path / "hangs.py", tmp_path / "pids"
    script.write_text(HANGS)
    configured(f"credential_process = {sys.executable} {script} {pids}\n")
    if ends_by == "time":
        monkeypatch.setattr(credential_process, "PROCESS_LIMIT_S", 2.0)
    asking = asyncio.create_task(chain().current())
    for _ in range(2000):
        if pids.exists() and len(pids.read_text().split()) == 2:
            break
        await asyncio.sleep(0.01)
    if ends_by == "time":
        with pytest.raises(CredentialsError, match=r"gave no credentials within 2 s"):
            await asking
        # In words, before its time is over; never its arguments.
        (record,) = caplog.records
        name = f"waiting for the credential_process {sys.executable!r}, at most 2 s"
        assert (record.levelname, record.getMessage()) == ("WARNING", name)
    else:
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert caplog.records == []
    for pid in pids.read_text().split():
        for _ in range(200):
            if not is_alive(pid):
                break
            await asyncio.sleep(0.01)
        assert not is_alive(pid)


async def test_a_process_does_not_read_the_disk_that_comes_by_standard_input(configured, tmp_path):
    script = tmp_path / "reads.py"
    script.write_text(
        "import json, sys\nassert sys.stdin.read() == ''\nprint(json.dumps({'Version': 1,"
        "'AccessKeyId': 'AKIAPROCESS', 'SecretAccessKey': 's'}))\n"
    )
    configured(f"credential_process = {sys.executable} {script}\n")
    reader, writer = os.pipe()
    saved = os.dup(0)
    os.dup2(reader, 0)
    try:
        assert (await chain().current()).access_key == "AKIAPROCESS"
    finally:
        os.dup2(saved, 0)
        for each in (reader, writer, saved):
            os.close(each)


async def test_an_mfa_code_is_asked_for_at_a_terminal_only(configured, tmp_path, monkeypatch):
    configured(
        "role_arn = arn:aws:iam::111122223333:role/r\nsource_profile = base\n"
        "mfa_serial = arn:aws:iam::111122223333:mfa/me\n"
        "[profile base]\naws_access_key_id = A\naws_secret_access_key = s\n"
    )

    def no_terminal(path, *_):
        assert path == "/dev/tty"
        raise OSError(6, "No such device or address")

    monkeypatch.setattr(credential_chain.os, "open", no_terminal)
    with pytest.raises(CredentialsError, match=r"MFA device.*no terminal.*export-credentials"):
        await chain().current()


async def silent(peer):
    await peer.request()
    await asyncio.Event().wait()


def answers(status):
    async def script(peer):
        while True:
            await peer.request()
            await peer.answer(status, {}, b"")

    return script


async def no_role(peer):
    while True:
        request = await peer.request()
        is_token = request.line.startswith("PUT")
        await peer.answer(200 if is_token else 404, {}, b"token" if is_token else b"")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (silent, "hop limit 1.*--http-put-response-hop-limit 2"),
        (answers(403), "switched off"),
        (no_role, "the instance has no role"),
    ],
)
async def test_what_the_metadata_service_lacks_is_explained(lab, monkeypatch, script, words):
    async with lab.serving(script) as server:
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
        with pytest.raises(CredentialsError, match=words):
            await chain().current()
        if script is silent:
            # For a token once, by version 1, and to explain it: each takes its whole timeout.
            assert server.connections == 3
            with pytest.raises(ConfigError, match=words):
                await resolve_region(new_session(None), None, {})
    with pytest.raises(CredentialsError) as caught:  # nobody listens there any more: not EC2
        await chain().current()
    assert "metadata service" not in str(caught.value)


async def test_what_a_service_of_keys_says_is_one_short_line():
    class Rambling:
        async def get_credentials(self):
            raise ValueError("\x1b]0;x\x07\nbulkput: done\n" * 10_000)

    with pytest.raises(CredentialsError) as caught:
        await ChainCredentials(Rambling, lambda: 0.0).current()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000

"""Credentials that expire, are renewed, are refused; keys that are gone; a clock that is off."""

import json
import sys
import time

import pytest
from faults.emulated import COMPLETE, DESCRIBE, PUT, START, until
from support.whole import ACCESS_KEY, SECRET_KEY

from bulkput.emulator.signature import SignatureError, Verifier

BLOCKS = 40
OLD, NEW = "token/old/canary/0000000000000000", "token/new/canary/1111111111111111"


class Tokens:
    """Accepts one session token after the other, as STS's live and expire."""

    def __init__(self, valid):
        self.valid = valid
        self.expired = set()
        self.refused = 0

    def verify(self, call, *facts):
        token = call.headers.get("x-amz-security-token")
        if token in self.expired:
            self.refused += 1
            what = "The security token included in the request is expired"
            raise SignatureError("ExpiredTokenException", what)
        return Verifier(ACCESS_KEY, SECRET_KEY, self.valid, None).verify(call, *facts)

    def renew(self):
        self.expired.add(self.valid)
        self.valid = NEW


@pytest.fixture
def slow(live):
    server = live(latency_ms=60)
    server.tokens = server.emulator._verifier = Tokens(OLD)
    return server


def ini(token):
    return (
        f"[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
        f"aws_session_token = {token}\n"
    )


def put_in_place(path, text):
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(path)


def from_files(program, *, credentials=None, config=None):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del program.environment[name]
    if credentials:
        program.environment["AWS_SHARED_CREDENTIALS_FILE"] = str(credentials)
    if config:
        program.environment["AWS_CONFIG_FILE"] = str(config)
    return program


def test_credentials_that_expire_in_mid_run_are_read_again_from_the_shared_file(
    slow, bulkput, image, check, tmp_path
):
    shared = tmp_path / "credentials"
    shared.write_text(ini(OLD))
    program = from_files(bulkput(slow, in_flight_max=4), credentials=shared)
    source = image(BLOCKS)
    with program.start("upload", source, "--verbose") as running:
        until(lambda: slow.stored >= 10)
        put_in_place(shared, ini(NEW))
        slow.tokens.renew()
        out, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    assert slow.tokens.refused
    for secret in (OLD, NEW, SECRET_KEY):
        assert secret not in out + err
    assert slow.stored == BLOCKS
    slow.emulator._verifier = Verifier(ACCESS_KEY, SECRET_KEY, None, None)
    check(slow, json.loads(out)["snapshot_id"], source)


PROCESS = """
import json, os, sys
folder = sys.argv[1]
if os.path.exists(folder + "/unobtainable"):
    open(folder + "/asked", "a").write("x")
    sys.exit("the vault is sealed")
token = open(folder + "/token").read()
print(json.dumps({"Version": 1, "AccessKeyId": %r, "SecretAccessKey": %r,
    "SessionToken": token, "Expiration": "2099-01-01T00:00:00Z"}))
"""


@pytest.fixture
def vault(tmp_path):
    """Return a folder whose ``token`` a credential_process gives, and the configuration."""
    script = tmp_path / "vault.py"
    script.write_text(PROCESS % (ACCESS_KEY, SECRET_KEY))
    (tmp_path / "token").write_text(OLD)
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {sys.executable} {script} {tmp_path}\n")
    return tmp_path, config


@pytest.mark.parametrize("for_a_while", [False, True], ids=["at-once", "after-a-while"])
def test_credentials_of_a_process_are_asked_for_again(
    slow, bulkput, image, check, vault, for_a_while
):
    folder, config = vault
    program = from_files(bulkput(slow, in_flight_max=4), config=config)
    source = image(BLOCKS)
    with program.start("upload", source) as running:
        until(lambda: slow.stored >= 10)
        put_in_place(folder / "token", NEW)
        if for_a_while:
            (folder / "unobtainable").touch()
        slow.tokens.renew()
        if for_a_while:
            until((folder / "asked").exists)
            (folder / "unobtainable").unlink()
        out, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    assert slow.tokens.refused
    assert slow.stored == BLOCKS
    slow.emulator._verifier = Verifier(ACCESS_KEY, SECRET_KEY, None, None)
    check(slow, json.loads(out)["snapshot_id"], source)


def test_credentials_that_stay_expired_end_in_code_4_and_resume_with_new_ones(
    slow, bulkput, image, check, ends
):
    program = bulkput(slow, {"AWS_SESSION_TOKEN": OLD}, in_flight_max=4)
    source = image(BLOCKS)
    with program.start("upload", source) as running:
        until(lambda: slow.stored >= 10)
        slow.tokens.renew()
        out, err = running.communicate(timeout=30)
    assert running.returncode == 4, err
    assert "token has expired" in err
    assert "stays pending and keeps what was put" in err
    assert "resume with: bulkput upload" in err
    assert "Traceback" not in err
    assert json.loads(out)["exit_code"] == 4
    stored = slow.stored
    program.environment["AWS_SESSION_TOKEN"] = NEW
    result = program.upload(source)
    assert result["blocks"]["resumed"] == stored
    slow.emulator._verifier = Verifier(ACCESS_KEY, SECRET_KEY, None, None)
    check(slow, result["snapshot_id"], source)


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        (START, "ebs:StartSnapshot"),
        (PUT, "ebs:PutSnapshotBlock"),
        (COMPLETE, "ebs:CompleteSnapshot"),
        (DESCRIBE, "ec2:DescribeSnapshots"),
    ],
)
def test_a_permission_that_is_missing_is_named_within_a_second(
    server, bulkput, image, check, ends, operation, action
):
    source = image(12)
    if operation == DESCRIBE:
        server.script("error", DESCRIBE, code="UnauthorizedOperation", http_status=403, times=None)
    else:
        server.script("access-denied", operation, times=None)
    program = bulkput(server)
    with program.start("upload", source) as running:
        until(server.hits)
        began_s = time.monotonic()
        running.wait(10)
        took_s = time.monotonic() - began_s
        _out, err = running.communicate()
    assert running.returncode == 4, err
    assert action in err
    assert "Traceback" not in err
    assert took_s < 1.5, "a second, and half a one for the process to leave"
    server.calm()
    if operation == PUT:
        check(server, program.upload(source)["snapshot_id"], source)
        assert len(server.snapshots) == 1


@pytest.mark.parametrize(("kind", "operation"), [("kms-key", START), ("kms-access", PUT)])
def test_a_key_that_cannot_be_used_ends_in_code_4_and_names_kms(
    server, bulkput, image, ends, kind, operation
):
    server.script(kind, operation, times=None)
    reported = ends(bulkput(server).run("upload", image(4)), 4, "DEPENDENCY_")
    assert "KMS" in reported
    assert server.count(operation) < 10


def test_no_credentials_and_wrong_ones_end_in_code_4(server, bulkput, image, ends):
    source = image(2)
    ends(from_files(bulkput(server)).run("upload", source), 4, "credentials")
    wrong = bulkput(server, {"AWS_SECRET_ACCESS_KEY": "wrong/secret/canary"})
    reported = ends(wrong.run("upload", source), 4)
    assert "wrong/secret" not in reported


@pytest.mark.parametrize("ahead_s", [600, -1200])
def test_a_clock_that_is_off_is_corrected_once_and_reported(
    live, bulkput, image, check, ends, ahead_s
):
    server = live()
    server.clock.ahead_s = ahead_s
    source = image(20)
    done = bulkput(server).run("upload", source)
    reported = ends(done, 0)
    assert reported.count("warning: this machine's clock is") == 1
    refused = sum(server.count(each, 403) for each in (START, PUT, COMPLETE, DESCRIBE))
    assert refused <= 2
    result = json.loads(done.stdout)
    assert result["puts"]["retried"] <= 1
    server.clock.ahead_s = 0
    if ahead_s < 0:  # otherwise it is sealed in the future
        check(server, result["snapshot_id"], source)


def test_a_clock_that_jumps_in_mid_run_is_followed(live, bulkput, image):
    server = live(latency_ms=60)
    source = image(BLOCKS)
    with bulkput(server, in_flight_max=4).start("upload", source) as running:
        until(lambda: server.stored >= 10)
        server.clock.ahead_s = 900
        _, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    assert err.count("warning: this machine's clock is") == 1
    assert server.stored == BLOCKS

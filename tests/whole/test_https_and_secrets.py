"""TLS is always verified, and no secret is in anything that the program writes."""

import json
import os

import pytest
import trustme
from support.whole import BLOCK, ENVIRONMENT, SECRET_KEY, Program, Server, read_with_boto3

TOKEN = "session/token/canary/0123456789abcdef"


@pytest.fixture
def tls(tmp_path):
    """Return a server behind a private CA, and the CA's file."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    ca, chain, key = (tmp_path / name for name in ("ca.pem", "chain.pem", "key.pem"))
    authority.cert_pem.write_to_path(ca)
    key.write_bytes(certificate.private_key_pem.bytes())
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    with Server(tmp_path / "emulator", ("--tls-cert", str(chain), "--tls-key", str(key))) as server:
        yield server, ca


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(os.urandom(9 * BLOCK + 1000))
    return path


def test_an_upload_over_https_trusts_the_ca_of_aws_ca_bundle(tls, source, tmp_path):
    server, ca = tls
    environment = dict(ENVIRONMENT, HOME=str(tmp_path), AWS_CA_BUNDLE=str(ca))
    result = Program(server, tmp_path / "state", environment).upload(source, "--verify")
    assert result["verified"] == "full"
    assert result["blocks"]["put"] == 10


def test_a_server_that_nobody_vouches_for_gets_no_block(tls, source, tmp_path):
    server, _ = tls
    environment = dict(ENVIRONMENT, HOME=str(tmp_path))
    done = Program(server, tmp_path / "state", environment).run("upload", source)
    assert done.returncode == 3
    assert "AWS_CA_BUNDLE" in done.stderr
    assert json.loads(done.stdout)["exit_code"] == 3


def test_no_secret_is_in_any_artefact_even_when_verbose(program, source, tmp_path):
    log, metrics = tmp_path / "run.log", tmp_path / "bulkput.prom"
    sinks = ("--log-file", log, "--metrics-textfile", metrics)
    good = program.run("upload", source, "--verbose", *sinks)
    bad_environment = dict(program.environment, AWS_SESSION_TOKEN=TOKEN)
    bad = Program(program.server, tmp_path / "other-state", bad_environment).run(
        "upload", source, "--verbose", *sinks
    )
    assert good.returncode == 0, good.stderr
    assert bad.returncode == 4, bad.stderr
    artefacts = [good.stdout, good.stderr, bad.stdout, bad.stderr]
    for folder in (program.state_dir, tmp_path / "other-state"):
        for path in folder.rglob("*"):
            if path.is_file():
                assert path.stat().st_mode & 0o777 == 0o600, path
                artefacts.append(path.read_bytes().decode("latin-1"))
            else:
                assert path.stat().st_mode & 0o777 == 0o700, path
    artefacts.append(metrics.read_text())
    for path in (log, program.events, tmp_path / "other-state-events.jsonl"):
        assert path.stat().st_mode & 0o777 == 0o600, path
        artefacts.append(path.read_text())
    for text in artefacts:
        assert SECRET_KEY not in text
        assert TOKEN not in text
        assert "Signature=" not in text


def test_what_boto3_reads_over_http_is_what_was_sent(program, source, tmp_path):
    result = program.upload(source)
    copy = tmp_path / "copy"
    read_with_boto3(program.server, result["snapshot_id"], copy, source.stat().st_size)
    assert copy.read_bytes() == source.read_bytes().ljust(10 * BLOCK, b"\0")

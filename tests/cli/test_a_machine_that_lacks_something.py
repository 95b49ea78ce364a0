"""No home, no folder for temporary files, no path: a sentence of what to name, never code 1."""

import errno
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from bulkput.cli.main import status_of
from bulkput.ledger.folder import ensure_state_dir
from bulkput.model.errors import LedgerError, MachineError, SourceError
from bulkput.source.image import qemu_nbd
from bulkput.source.open import open_source

SNAPSHOT = "snap-0123456789abcdef0"


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """A user id without HOME and without an entry in passwd, as containers have."""

    def nobody(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in list(os.environ):
        if name.startswith(("AWS_", "BULKPUT_", "XDG_", "HOME")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "A")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "disk.img").write_bytes(b"x" * 1000)
    (tmp_path / "job.yaml").write_text("version: 1\nvolumes:\n  - source: disk.img\n")


SERVICE = ("--endpoint-url", "http://127.0.0.1:9", "--region", "us-east-1")


@pytest.mark.parametrize(
    "arguments",
    [
        ("upload", "disk.img", "--dry-run", *SERVICE),
        ("plan", "disk.img", *SERVICE),
        ("run", "job.yaml", "--dry-run"),
        ("check", "job.yaml", *SERVICE),
        ("verify", SNAPSHOT, *SERVICE),
        ("download", SNAPSHOT, "out.img", "--changed-since", SNAPSHOT, *SERVICE),
        ("abort", "disk.img"),
        ("jobs",),
        ("gc", *SERVICE),
        ("logs",),
        ("ledger", "show", SNAPSHOT),
        ("manifest", "show", SNAPSHOT),
        ("config", "show", "job.yaml"),
        ("upload", "~/disk.img", "--dry-run", *SERVICE),
    ],
    ids=lambda arguments: "-".join(arguments[:2]),
)
def test_a_user_without_a_home_is_shown_what_to_name(homeless, capfd, arguments):
    status = status_of(list(arguments))
    err = capfd.readouterr().err
    assert status != 1, err
    assert "Traceback" not in err


def test_the_state_folder_is_what_is_asked_for(homeless, capfd):
    assert status_of(["jobs"]) == 3
    assert "--state-dir" in capfd.readouterr().err


def test_no_folder_for_temporary_files_names_tmpdir(monkeypatch):
    def none(*_, **__):
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp', '/']")

    monkeypatch.setattr(qemu_nbd.tempfile, "mkdtemp", none)
    with pytest.raises(MachineError, match=r"disk\.qcow2: .*TMPDIR"):
        qemu_nbd._new_folder(Path("disk.qcow2"))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EAGAIN, errno.ENOMEM])
def test_a_decoder_that_the_machine_cannot_start_is_no_fault_of_the_image(
    number, monkeypatch, tmp_path
):
    def refuse(*_, **__):
        raise OSError(number, "short")

    monkeypatch.setattr(qemu_nbd.shutil, "which", lambda _: "/usr/bin/qemu-nbd")
    monkeypatch.setattr(qemu_nbd.subprocess, "Popen", refuse)
    with pytest.raises(MachineError, match=r"disk\.qcow2: qemu-nbd does not start: "):
        qemu_nbd.ImageServer.start(tmp_path / "disk.qcow2", "qcow2", {}, {})


def test_what_a_shell_leads_to_is_a_pipe_and_not_missing():
    reader, writer = os.pipe()
    try:
        with pytest.raises(SourceError, match=r"is a pipe.*\| bulkput upload -"):
            open_source(f"/dev/fd/{reader}")
    finally:
        os.close(reader)
        os.close(writer)


def test_standard_input_by_its_path_behind_a_pipe():
    code = "from bulkput.source.open import open_source; open_source('/dev/stdin')"
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"x", capture_output=True, check=False
    )
    assert b"/dev/stdin: is a pipe" in done.stderr


def test_a_file_that_was_deleted_is_not_missing(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(b"x")
    with path.open("rb") as file:
        path.unlink()
        with pytest.raises(SourceError, match="was deleted"):
            open_source(f"/proc/self/fd/{file.fileno()}")
    with pytest.raises(SourceError, match="does not exist"):
        open_source(path)


def test_a_download_to_standard_output_is_refused(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert status_of(["download", SNAPSHOT, "-"]) == 2
    assert "never to standard output" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_mount_point_of_somebody_else_names_a_folder_in_it(tmp_path, monkeypatch):
    state = tmp_path / "mounted"
    state.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    with pytest.raises(LedgerError) as caught:
        ensure_state_dir(state)
    assert "mount point" not in str(caught.value)
    monkeypatch.setattr(Path, "is_mount", lambda _: True)
    with pytest.raises(LedgerError, match=f"mount point.*{state}/bulkput"):
        ensure_state_dir(state)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("plan", "{folder}/disk.img"), 0, ""),
        (("jobs", "--state-dir", "{folder}/state"), 0, ""),
        (("config", "show", "{folder}/job.yaml"), 0, ""),
        (("plan", "disk.img"), 6, "disk.img: does not exist"),
    ],
    ids=["plan", "jobs", "config", "relative"],
)
def test_a_working_folder_that_was_removed_matters_to_relative_paths_only(
    tmp_path, monkeypatch, capfd, arguments, status, words
):
    (tmp_path / "disk.img").write_bytes(b"x" * 1000)
    job = f"version: 1\nvolumes:\n  - source: {tmp_path}/disk.img\n"
    (tmp_path / "job.yaml").write_text(job)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    code = status_of([each.format(folder=tmp_path) for each in arguments])
    err = capfd.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert code == status, err
    assert words in err


@pytest.mark.parametrize("verb", [("check",), ("gc",), ("status", "x"), ("--version",), ("plan",)])
def test_no_verb_lets_the_algebra_library_start_threads(verb, bulkput, monkeypatch):
    """Where it may start none, OpenBLAS sends SIGINT, which is nobody's Ctrl-C."""
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("BULKPUT_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("BULKPUT_TUNING_OPERATION_DEADLINE", "10ms")
    bulkput(*verb)
    assert os.environ.pop("OPENBLAS_NUM_THREADS") == "1"

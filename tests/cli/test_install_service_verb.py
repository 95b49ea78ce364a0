"""``bulkput install-service``: units that systemd takes, with the names of this job."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bulkput.cli.examples import example
from bulkput.cli.systemd_unit import ServiceUnit, service_unit, unit_name
from bulkput.model.errors import UsageError
from bulkput.model.exit_code import ExitCode

JOB = "version: 1\nregion: eu-central-1\nvolumes: [{source: /dev/sdb}]\n"
TEMPLATE = example("systemd/bulkput@.service").decode()
RERUN_MENDS = {ExitCode.TEMPORARY, ExitCode.MACHINE}


def values(unit, key):
    return re.findall(rf"^{key}=(.*)$", unit, flags=re.MULTILINE)


@pytest.fixture
def job(tmp_path):
    path = tmp_path / "nightly.yaml"
    path.write_text(JOB)
    return path


def test_what_is_not_run_again_is_every_code_that_a_rerun_does_not_mend():
    (codes,) = values(TEMPLATE, "RestartPreventExitStatus")
    assert set(map(int, codes.split())) == set(ExitCode) - RERUN_MENDS - {ExitCode.DONE}


def test_a_dry_run_prints_and_writes_nothing(bulkput, job, tmp_path):
    units = tmp_path / "units"
    ended = bulkput("install-service", job, "--dry-run", "--units-dir", units)
    assert (ended.status, ended.err) == (0, "")
    (command,) = values(ended.out, "ExecStart")
    assert command.endswith(f" run {job} --state-dir %S/private/bulkput-nightly")
    assert command.startswith("/")
    assert "%i" not in ended.out
    assert not units.exists()


def test_service_and_timer_are_written(bulkput, job, tmp_path):
    flags = ("--units-dir", tmp_path / "units", "--on-calendar", "daily", "--user", "backup")
    ended = bulkput("install-service", job, *flags)
    assert ended.status == 0
    assert "systemctl enable --now bulkput-nightly.timer" in ended.err
    service = (tmp_path / "units/bulkput-nightly.service").read_text()
    timer = (tmp_path / "units/bulkput-nightly.timer").read_text()
    assert service in ended.out
    assert (tmp_path / "units/bulkput-nightly.service").stat().st_mode & 0o777 == 0o644
    assert values(service, "User") == ["backup"]
    assert values(service, "DynamicUser") == []
    assert values(service, "ExecStart")[0].endswith(" --state-dir %S/bulkput-nightly")
    assert values(service, "StateDirectory") == ["bulkput-nightly"]
    assert values(timer, "OnCalendar") == ["daily"]
    assert {path.name for path in (tmp_path / "units").iterdir()} == {
        "bulkput-nightly.service",
        "bulkput-nightly.timer",
    }


def test_the_jobs_own_state_folder_is_the_services(bulkput, job, tmp_path):
    job.write_text(f"{JOB}state_dir: {tmp_path}/own state\n")
    ended = bulkput("install-service", job, "--dry-run")
    assert values(ended.out, "ExecStart")[0].endswith(f" run {job}")
    assert values(ended.out, "ReadWritePaths") == [f'"{tmp_path}/own state"']


def test_a_wrong_job_is_no_service(bulkput, job, tmp_path):
    job.write_text("version: 1\nvolums: []\n")
    ended = bulkput("install-service", job, "--units-dir", tmp_path / "units")
    assert ended.status == 3
    assert "volums" in ended.err
    assert not (tmp_path / "units").exists()


def test_a_folder_that_cannot_be_written(bulkput, job, tmp_path):
    (tmp_path / "file").touch()
    ended = bulkput("install-service", job, "--units-dir", tmp_path / "file")
    assert ended.status == 3
    assert "--units-dir" in ended.err


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/jobs/a.yaml", "/jobs/a.yaml"),
        ("/jobs/100%.yaml", '"/jobs/100%%.yaml"'),
        ("/my jobs/a.yaml", '"/my jobs/a.yaml"'),
        ('/q"/$a.yaml', '"/q\\"/$$a.yaml"'),
        ("/o'brien/a.yaml", '"/o\'brien/a.yaml"'),
    ],
)
def test_a_path_is_one_word_of_the_command(path, word, tmp_path):
    unit = ServiceUnit(name="n", job=type(tmp_path)(path), program=("/usr/bin/bulkput",))
    assert values(service_unit(TEMPLATE, unit), "ExecStart")[0].split(" run ", 1)[1] == (
        f"{word} --state-dir %S/private/bulkput-n"
    )


def test_the_programs_path_is_one_word_too(tmp_path):
    program = ("/my tools/100%/python", "-m", "bulkput")
    unit = ServiceUnit(name="n", job=tmp_path / "a.yaml", program=program)
    assert values(service_unit(TEMPLATE, unit), "ExecStart")[0].split(" run ", 1)[0] == (
        '"/my tools/100%%/python" -m bulkput'
    )


def test_a_path_of_two_lines_is_refused():
    unit = ServiceUnit(name="n", job=Path("/a\nExecStart=/bin/sh"), program=("/usr/bin/bulkput",))
    with pytest.raises(UsageError, match="line feed"):
        service_unit(TEMPLATE, unit)


def test_the_program_that_was_called_is_the_services(bulkput, job, tmp_path, monkeypatch):
    program = tmp_path / "bin" / "bulkput"
    program.parent.mkdir()
    program.touch()
    monkeypatch.setattr("sys.argv", [str(program)])
    ended = bulkput("install-service", job, "--dry-run")
    assert values(ended.out, "ExecStart")[0].startswith(f"{program} run ")


def test_a_name_is_no_longer_than_a_units_may_be():
    assert len(f"bulkput-{unit_name('x' * 300)}.service") < 256


@pytest.mark.parametrize("text", ["", "///", "..."])
def test_a_name_of_nothing(text):
    with pytest.raises(UsageError):
        unit_name(text)


@pytest.mark.parametrize("when", ["", "a\nExecStart=/bin/sh"])
def test_a_time_is_one_line(bulkput, job, when):
    assert bulkput("install-service", job, "--dry-run", "--on-calendar", when).status == 2


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_units_are_ones_that_systemd_takes(bulkput, job, tmp_path):
    units = tmp_path / "units"
    assert (
        bulkput("install-service", job, "--units-dir", units, "--on-calendar", "daily").status == 0
    )
    for name in ("bulkput@.service", "bulkput@.timer"):
        content = example(f"systemd/{name}").decode()
        (units / name).write_text(content.replace("/usr/bin/bulkput", "/bin/true"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units.iterdir()],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")

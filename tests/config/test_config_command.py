import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from bulkput.cli.main import cli
from bulkput.model.errors import ConfigError

JOB = "version: 1\nvolumes:\n  - source: /disk.img\n"


@pytest.fixture
def run(monkeypatch):
    for name in [name for name in os.environ if name.startswith("BULKPUT_")]:
        monkeypatch.delenv(name)

    def invoke(*args):
        return CliRunner().invoke(cli, ["config", *(str(arg) for arg in args)])

    return invoke


def test_check_counts_the_volumes(run, write):
    job = JOB.replace("/disk.img", "/dev/null")
    assert run("check", write(job)).output == "ok: 1 volume\n"
    assert run("check", write(job + "  - source: /dev/zero\n")).output == "ok: 2 volumes\n"


def test_check_ends_with_the_report_and_code_3(run, write):
    result = run("check", write(JOB + "regoin: x\nparallel: 0\n"))
    assert isinstance(result.exception, ConfigError)
    assert result.exception.status == 3
    assert str(result.exception).splitlines()[1:] == [
        "  line 4: regoin: unknown key; did you mean region?",
        "  line 5: parallel: expected a whole number from 1 to 100",
    ]


def test_show_reports_where_each_value_comes_from(run, write, monkeypatch):
    monkeypatch.setenv("BULKPUT_TUNING_WINDOW", "1MiB")
    path = write(JOB)
    lines = run("show", path).output.splitlines()
    shown = {
        line.split("#")[0].strip(): line.split("#")[1].strip() for line in lines if "#" in line
    }
    assert shown["version: 1"] == f"{path}:1"
    assert shown["path: /disk.img"] == f"{path}:3"
    assert shown["window: 1MiB"] == "environment BULKPUT_TUNING_WINDOW"
    assert shown["memory_budget: 64MiB"] == "default"
    assert len({line.index("#") for line in lines if "#" in line}) == 1, "aligned"


def test_schema_prints_json(run):
    assert json.loads(run("schema").output)["additionalProperties"] is False


def test_the_help_loads_neither_yaml_nor_pydantic():
    code = (
        "import sys, bulkput.cli.config\n"
        "assert not {'pydantic', 'ruamel.yaml', 'numpy', 'aiohttp'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

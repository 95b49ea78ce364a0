"""What starts bulkput elsewhere: its own tools take every file, and it agrees with the exit codes.

The tools themselves (hadolint, cfn-lint, terraform and the like) are asked by tests with the mark
``deploy``; here is what needs none of them.
"""

import json
import re
import shutil
import subprocess
import sys

import botocore.session
import botocore.validate
import pytest
from ruamel.yaml import YAML
from support.manual import ROOT

from bulkput.cli.main import cli
from bulkput.config.load import load_settings
from bulkput.config.shard import parse_shard
from bulkput.model.exit_code import ExitCode

CONFIGS = ROOT / "configs"
RERUN_MENDS = {int(ExitCode.TEMPORARY), int(ExitCode.MACHINE)}
FOR_A_PERSON = {int(code) for code in ExitCode} - RERUN_MENDS - {0}


def text_of(name):
    return (CONFIGS / name).read_text(encoding="utf-8")


class _Loader(YAML):
    """YAML with CloudFormation's own tags, as their bare values."""

    def __init__(self):
        super().__init__(typ="safe", pure=True)
        self.constructor.add_multi_constructor("!", lambda loader, _, node: node.value)


@pytest.mark.parametrize(
    "name",
    [
        "cloud-init/user-data.yaml",
        "terraform/main.tf",
        "cloudformation/spot-host.yaml",
        "systemd/bulkput@.service",
    ],
)
def test_a_unit_is_run_again_only_after_what_a_rerun_mends(name):
    (codes,) = re.findall(r"RestartPreventExitStatus=([\d ]+)$", text_of(name), re.MULTILINE)
    assert set(map(int, codes.split())) == FOR_A_PERSON


def test_batch_takes_the_definition_and_retries_what_a_rerun_mends():
    definition = json.loads(text_of("batch/job-definition.json"))
    shape = (
        botocore.session.get_session()
        .get_service_model("batch")
        .operation_model("RegisterJobDefinition")
        .input_shape
    )
    report = botocore.validate.ParamValidator().validate(definition, shape)
    assert report.generate_report() == ""
    rules = definition["retryStrategy"]["evaluateOnExit"]
    retried = {
        rule["onExitCode"] for rule in rules if rule["action"] == "RETRY" and "onExitCode" in rule
    }
    assert retried == {*map(str, RERUN_MENDS), "137", "143"}, "and ends by SIGKILL and SIGTERM"
    assert rules[-1] == {"onExitCode": "*", "action": "EXIT"}
    command = definition["containerProperties"]["command"]
    require_command(command)
    hours = int(command[command.index("--max-duration") + 1].removesuffix("h"))
    assert hours * 3600 < definition["timeout"]["attemptDurationSeconds"], "that is not retried"


def test_kubernetes_fails_an_index_after_what_no_rerun_mends():
    job = _Loader().load(text_of("kubernetes/indexed-job.yaml"))["spec"]
    (rule,) = (each for each in job["podFailurePolicy"]["rules"] if "onExitCodes" in each)
    assert (rule["action"], set(rule["onExitCodes"]["values"])) == ("FailIndex", FOR_A_PERSON)
    (container,) = job["template"]["spec"]["containers"]
    require_command(container["args"])
    shard = container["args"][container["args"].index("--shard") + 1]
    assert parse_shard(shard, {"JOB_COMPLETION_INDEX": "0"}).count == job["completions"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in job["template"]["spec"]["volumes"]}


def require_command(args, argument="config"):
    """Assert that the program knows the command, its argument and every flag of it."""
    words, *rest = args
    command = cli.get_command(None, words)
    # Settings as in the program: click keeps the flags of the help that it makes first, for all.
    made = command.make_context(words, list(rest), resilient_parsing=True, **cli.context_settings)
    assert made.params[argument]
    known = {flag for option in command.params for flag in option.opts}
    assert {arg for arg in rest if arg.startswith("--")} <= known


@pytest.mark.parametrize(
    "name", ["cloud-init/user-data.yaml", "terraform/main.tf", "cloudformation/spot-host.yaml"]
)
def test_a_host_runs_a_command_that_the_program_knows(name):
    (command,) = re.findall(
        r"ExecStart=/opt/bulkput/bin/bulkput (.+)$", text_of(name), re.MULTILINE
    )
    require_command(command.split())


def test_the_job_of_the_cloud_host_is_a_job(tmp_path, monkeypatch):
    data = _Loader().load(text_of("cloud-init/user-data.yaml"))
    (job,) = (each for each in data["write_files"] if each["path"].endswith(".yaml"))
    path = tmp_path / "job.yaml"
    path.write_text(job["content"])
    assert len(load_settings(path, environ={}).settings.volumes) == 2


def test_hosts_may_do_what_the_policies_name():
    wanted = {"ebs:StartSnapshot", "ebs:PutSnapshotBlock", "ebs:CompleteSnapshot", "ec2:CreateTags"}
    for name in ("terraform/main.tf", "cloudformation/spot-host.yaml"):
        assert wanted <= set(re.findall(r"e[bc][s2]:\w+", text_of(name)))
        assert "ec2:*::snapshot/*" in text_of(name), "with an account number the policy denies"


def test_a_host_starts_its_job_in_an_order_that_has_no_ring():
    unit = text_of("cloud-init/user-data.yaml")
    after = re.findall(r"^ *After=(.+)$", unit, re.MULTILINE)
    assert after == ["network-online.target"], "cloud-final is after the target that wants the job"


def test_each_job_of_the_template_unit_has_its_own_state():
    unit = text_of("systemd/bulkput@.service")
    assert "\nStateDirectory=bulkput-%i\n" in unit
    assert "--state-dir %S/private/bulkput-%i\n" in unit


def test_a_build_whose_upload_fails_is_no_success():
    (line,) = re.findall(
        r'^ *"(bulkput upload .+)",$', text_of("packer/bulkput.pkr.hcl"), re.MULTILINE
    )
    assert "|" not in line, "the shell has the exit code of a pipe's end"
    require_command(line.replace("${var.region}", "x").partition(" > ")[0].split()[1:], "source")


def test_batchs_user_may_write_the_state():
    container = json.loads(text_of("batch/job-definition.json"))["containerProperties"]
    (state,) = (each for each in container["volumes"] if each["name"] == "state")
    assert state["host"] == {}, "a folder of the host would be made for root"


def test_the_container_is_not_roots_and_hands_signals_on():
    text = text_of("container/Containerfile")
    last_stage = text.rpartition("\nFROM ")[2]
    assert "\nUSER 10001\n" in last_stage
    assert 'ENTRYPOINT ["tini", "--", "bulkput"]' in last_stage
    assert "--require-hashes" in text


def _with(tool):
    """Return the tool's path, of this environment or of the system; skip without it."""
    found = shutil.which(tool, path=f"{sys.prefix}/bin") or shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is not installed")
    return found


@pytest.mark.deploy
@pytest.mark.parametrize(
    ("tool", "args"),
    [
        ("hadolint", ["container/Containerfile"]),
        ("cfn-lint", ["cloudformation/spot-host.yaml"]),
        ("kubernetes-validate", ["--strict", "kubernetes/indexed-job.yaml"]),
        ("terraform", ["fmt", "-check", "terraform"]),
        ("cloud-init", ["schema", "-c", "cloud-init/user-data.yaml"]),
    ],
)
def test_its_own_tool_takes_it(tool, args):
    checked = subprocess.run(
        [_with(tool), *args], cwd=CONFIGS, capture_output=True, text=True, timeout=120, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.deploy
@pytest.mark.parametrize("name", ["terraform/main.tf", "packer/bulkput.pkr.hcl"])
def test_it_is_hcl(name):
    hcl2 = pytest.importorskip("hcl2")
    with (CONFIGS / name).open() as file:
        assert "variable" in hcl2.load(file)

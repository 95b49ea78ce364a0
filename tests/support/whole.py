"""The real program against a real server: both are processes, between them are sockets."""

import errno
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.config import Config
from support.events import events_in
from support.program import ForkedProgram

ACCESS_KEY = "AKIAWHOLEPROGRAM0000"
SECRET_KEY = "whole/program/secret/key/canary/00000000"
BLOCK = 524_288

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "PYTHONWARNINGS": "error::ResourceWarning",
}


@dataclass
class Server:
    """An emulator process; ends by its process id."""

    root: Path
    arguments: tuple[str, ...] = ()
    url: str = ""
    process: subprocess.Popen | None = field(default=None, repr=False)

    def __enter__(self):
        self.process = ForkedProgram(
            [
                *("emulator", "--root", str(self.root)),
                *("--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY),
                *self.arguments,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self.process.stdout.readline().split()[-1]
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.process.stdout.close()

    def client(self, service, **options):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(max_pool_connections=32),
            **options,
        )


@dataclass
class Program:
    """Runs ``bulkput`` as a user would."""

    server: Server
    state_dir: Path
    environment: dict
    is_imported: bool = True
    """Whether a run begins with its imports done: see ``ForkedProgram``."""
    is_disk_full: bool = False
    """Whether events lie on a disk that has no room for all of their lines."""

    @property
    def events(self):
        """The file that has the events of all runs, beside the state folder."""
        return self.state_dir.with_name(f"{self.state_dir.name}-events.jsonl")

    def command(self, *arguments):
        return [
            *map(str, arguments),
            *("--endpoint-url", self.server.url, "--region", "us-east-1"),
            *("--state-dir", str(self.state_dir), "--output", "json"),
        ]

    def start(self, *arguments, **options):
        command = self.command(*arguments)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        # Every run of the suite keeps its events, and ``run`` holds them against the schema.
        environment = {"BULKPUT_OBSERVE_EVENTS": str(self.events), **self.environment}
        wanted = {"env": environment, **pipes, **options}
        if self.is_imported:
            return ForkedProgram(command, **wanted)
        return subprocess.Popen([sys.executable, "-m", "bulkput", *command], **wanted)

    def run(self, *arguments, input=None, **options):  # noqa: A002 - as subprocess.run has it
        if input is not None:
            options["stdin"] = subprocess.PIPE
        with self.start(*arguments, **options) as process:
            try:
                out, err = process.communicate(input, timeout=150)
            except BaseException:
                process.kill()
                raise
        assert "Traceback" not in err, err
        if self.events.exists():
            text = self.events.read_text(encoding="ascii")
            events_in(text, may_be_torn=self.is_disk_full)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def upload(self, *arguments):
        """Upload, expect success, return the JSON object."""
        done = self.run("upload", *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def read_with_boto3(server, snapshot_id, path, size_bytes):
    """Write what the snapshot holds to ``path``, read by a client that nobody here wrote."""
    ebs = server.client("ebs")
    blocks, page = [], {}
    while True:
        answer = ebs.list_snapshot_blocks(SnapshotId=snapshot_id, **page)
        blocks += [(block["BlockIndex"], block["BlockToken"]) for block in answer["Blocks"]]
        if not answer.get("NextToken"):
            break
        page = {"NextToken": answer["NextToken"]}
    with path.open("wb") as image:
        image.truncate(-(-size_bytes // BLOCK) * BLOCK)
        descriptor = image.fileno()

        def fetch(block):
            index, token = block
            answer = ebs.get_snapshot_block(
                SnapshotId=snapshot_id, BlockIndex=index, BlockToken=token
            )
            os.pwrite(descriptor, answer["BlockData"].read(), index * BLOCK)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(fetch, blocks))
    return [index for index, _ in blocks]


def same_content(first, second, size_bytes):
    """Return whether two files have the same first bytes and the longer one zeros behind them."""
    end = max(first.stat().st_size, second.stat().st_size)
    with first.open("rb") as one, second.open("rb") as other:
        position = 0
        while (position := min(_next_data(one, position), _next_data(other, position))) < end:
            length = min(8 << 20, end - position)
            contents = [
                os.pread(file.fileno(), length, position).ljust(length, b"\0")
                for file in (one, other)
            ]
            behind = contents[0][max(size_bytes - position, 0) :]
            if contents[0] != contents[1] or any(behind):
                return False
            position += length
    return True


def _next_data(file, position):
    """Return where the next byte is that no hole of the file has."""
    try:
        return os.lseek(file.fileno(), position, os.SEEK_DATA)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return sys.maxsize

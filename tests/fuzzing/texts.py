"""Every reader of text that others wrote: the first byte says which one, the rest is the text."""

import contextlib
import json
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from fuzzing.finding import FindingError

from bulkput.config.expansion import NO_INPUTS
from bulkput.config.inventory import TableError, parse_jsonl, read_csv
from bulkput.config.load import build
from bulkput.config.scalar import plain_scalar
from bulkput.config.variables import names_in
from bulkput.config.yaml_file import read_document
from bulkput.ebs import ebs_answers
from bulkput.ebs.endpoint import parse_endpoint
from bulkput.ebs.error_response import _xml_fields, error_of_answer, redirect_text, server_time
from bulkput.ebs.snapshot import StartRequest
from bulkput.jobs.copy.history import _read as read_copy
from bulkput.jobs.process.spot_interruption import _described
from bulkput.jobs.state.job_record import read_record
from bulkput.ledger.download_state import _facts_in
from bulkput.ledger.header import decode_header
from bulkput.ledger.manifest import Manifest
from bulkput.ledger.manifest_header import decode_manifest_header
from bulkput.ledger.series import read_generation
from bulkput.machine.mounts import mounts
from bulkput.model.address import parse_address
from bulkput.model.duration import parse_duration_s
from bulkput.model.errors import BulkputError
from bulkput.model.size import parse_size_bytes
from bulkput.network.proxy import _checked
from bulkput.observe.plain import masked, one_line
from bulkput.observe.run_so_far import OtherVersionError, last_run
from bulkput.source.image.vmdk_descriptor import parse_descriptor
from bulkput.source.remote.transport import total_bytes

CPU_MAX_S = 2.0
"""Of a few KiB; the slowest, a YAML file with all its checks, takes 20 ms."""

_ENVIRON = {
    "https_proxy": "http://alice:canary-canary@proxy:1",
    "AWS_SESSION_TOKEN": "a b a b a b ",
}
_REQUEST = StartRequest(1, "token")
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_FOLDER = tempfile.TemporaryDirectory()


def _file(read, name="text"):
    path = Path(_FOLDER.name) / name
    path.parent.mkdir(exist_ok=True, mode=0o700)

    def parse(content):
        path.write_bytes(content)
        path.chmod(0o600)
        return read(path)

    return parse


def _of_text(read):
    return lambda content: read(content.decode("utf-8", "surrogateescape"))


def _of_header(read):
    return lambda content: read(content.decode("latin-1"))


def _answer(read):
    def parse(content):
        answer = json.loads(content)
        if isinstance(answer, dict):
            if "StartTime" in answer:
                answer["StartTime"] = _NOW
            read(answer)

    return parse


def _error(content):
    head, _, body = content.partition(b"\n\n")
    lines = head.decode("latin-1").split("\n")
    headers = dict(line.partition(":")[::2] for line in lines)
    error = error_of_answer("PutSnapshotBlock", 400, headers, body, region="eu-west-1")
    assert str(error).isprintable(), str(error)


def _whole_job(path):
    settings = build(read_document(path), (), environ={}, inputs=NO_INPUTS)
    assert settings is not None


def _manifest(path):
    with Manifest.open(path, is_named=True) as found:
        assert found.stop <= found.header.block_count


def _events(content):
    found, _ = last_run(content.splitlines(keepends=True), None)
    if found is not None:
        for each in json.loads(json.dumps(found.as_dict(0.0)))["volumes"]:
            _ = f"{each['percent']:.1f}{each['snapshot_id']}{each['error']}"


READERS = (
    (_error, ()),
    (_xml_fields, ()),
    (_of_header(server_time), ()),
    (_of_header(redirect_text), ()),
    (_of_header(lambda text: total_bytes(text, 0, 1)), ()),
    (_of_text(parse_address), (ValueError,)),
    (_of_text(lambda text: masked(text, _ENVIRON)), ()),
    (_of_text(one_line), ()),
    (parse_descriptor, ()),
    (lambda content: parse_jsonl(content, "table"), (TableError,)),
    (_file(lambda path: read_csv(path, lambda _, cell: cell)), (TableError,)),
    (_file(_whole_job, "job.yaml"), ()),
    (_of_text(names_in), ()),
    (_of_text(parse_size_bytes), (ValueError,)),
    (_of_text(parse_duration_s), (ValueError,)),
    (_of_text(plain_scalar), ()),
    (decode_header, (ValueError,)),
    (decode_manifest_header, (ValueError,)),
    (_file(lambda path: read_generation(path.parent), "s/series.json"), ()),
    (_file(lambda path: _facts_in(path.parent), "d/download.json"), ()),
    (_file(read_copy, "c/copy.json"), ()),
    (_file(read_record, "j/job.json"), ()),
    (_file(_manifest, "m/manifest"), ()),
    (_answer(lambda each: ebs_answers.started_snapshot(each, _REQUEST)), ()),
    (_answer(lambda each: ebs_answers.sealed_status(each, "snap-0")), ()),
    (_answer(lambda each: ebs_answers.block_page(each, "snap-0", None)), ()),
    (_answer(lambda each: ebs_answers.changed_block_page(each, "snap-0", 3)), ()),
    (lambda content: _described(json.loads(content)), ()),
    (_of_text(partial(parse_endpoint, allow_insecure_http=False)), ()),
    (_of_text(lambda text: _checked(text, "https")), ()),
    (_of_text(lambda text: list(mounts(text))), ()),
    (_events, (OtherVersionError, ArithmeticError, LookupError, TypeError, ValueError)),
)


def read_text(content):
    """Read it; whatever is raised but a refusal, and work out of proportion, is a finding."""
    if not content:
        return
    read, refusals = READERS[content[0] % len(READERS)]
    began_s = time.process_time()
    is_json = read.__qualname__.startswith("_answer") or "json.loads" in str(read)
    with contextlib.suppress(BulkputError, *refusals):
        try:
            read(content[1:])
        except (json.JSONDecodeError, RecursionError, UnicodeDecodeError):
            if not (is_json or read is READERS[27][0]):
                raise
    if time.process_time() - began_s > CPU_MAX_S:
        raise FindingError("out of proportion")

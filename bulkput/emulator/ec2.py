"""EC2's DescribeSnapshots, DeleteSnapshot and CreateTags in the query protocol: form in, XML out.

Owns that protocol's forms and errors. Nothing of EC2 is here but what a snapshot's life needs.
"""

import dataclasses
import re
from collections.abc import Callable
from datetime import UTC, datetime
from xml.sax import saxutils

from bulkput.emulator.account import Account
from bulkput.emulator.answer import XML, Answer
from bulkput.emulator.call import Call
from bulkput.emulator.errors import ApiError
from bulkput.emulator.geometry import BLOCK_SIZE_BYTES
from bulkput.emulator.options import OWNER_ID
from bulkput.emulator.snapshot import Snapshot, State
from bulkput.emulator.validation import SNAPSHOT_ID

_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
_COUNT = re.compile(r"[0-9]{1,10}")
_NO_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write: it is shown as a question mark."""
_PAGE_MIN = 5
_PAGE_MAX = 1000
_TAGS_MAX = 50
_VOLUME_ID = "vol-ffffffff"
"""What DescribeSnapshots shows for a snapshot that was made of no volume."""


class Ec2Error(Exception):
    """An error answer of the EC2 API."""

    def __init__(self, code: str, message: str, http_status: int = 400) -> None:
        self.code = code
        self.message = message
        self.http_status = http_status
        super().__init__(f"{http_status} {code}: {message}")


_SIGNATURE_ERRORS = {
    "MissingAuthenticationTokenException": ("MissingParameter", 400),
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "UnrecognizedClientException": ("AuthFailure", 401),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "ExpiredTokenException": ("RequestExpired", 400),
}


_SCRIPTED_ERRORS = {
    "AccessDeniedException": ("UnauthorizedOperation", 403),
    "ExpiredTokenException": ("RequestExpired", 400),
    "InternalServerException": ("InternalError", 500),
    "ThrottlingException": ("RequestLimitExceeded", 503),
}
"""EC2's names for what the direct API calls otherwise (EC2 API Reference, "Error codes")."""


def signature_error(code: str, message: str) -> Ec2Error:
    """Return EC2's own form of what is wrong with a signature."""
    name, http_status = _SIGNATURE_ERRORS[code]
    if name == "AuthFailure":
        message = "AWS was not able to validate the provided access credentials"
    if message.startswith("Signature expired"):
        name, http_status, message = "RequestExpired", 400, "Request has expired."
    return Ec2Error(name, message, http_status)


def scripted_error(error: ApiError) -> Ec2Error:
    """Return EC2's own form of a scripted error, which has the direct API's."""
    known = _SCRIPTED_ERRORS.get(error.code)
    code, http_status = known or (error.code.removesuffix("Exception"), error.http_status)
    message = error.message
    if code == "UnauthorizedOperation":
        message = f"You are not authorized to perform this operation. {message}"
    return Ec2Error(code, message, http_status)


def ec2_error_answer(error: Ec2Error) -> Answer:
    """Return an error answer in EC2's form."""
    answer = Answer(error.http_status, b"", XML, code=error.code)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Response><Errors><Error><Code>{_escaped(error.code)}</Code>"
        f"<Message>{_escaped(error.message)}</Message></Error></Errors>"
        f"<RequestID>{answer.request_id}</RequestID></Response>"
    )
    answer.body = text.encode()
    return answer


def answer_action(account: Account, call: Call) -> Answer:
    """Answer the action that the form names.

    Raises:
        Ec2Error: it cannot be done.
    """
    name = call.form.get("Action", "")
    action = _ACTIONS.get(name)
    if action is None:
        raise Ec2Error("InvalidAction", f"The action {name} is not valid for this web service.")
    answer = Answer(200, b"", XML)
    inner = action(account, call.form)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<{name}Response xmlns="{_NAMESPACE}"><requestId>{answer.request_id}</requestId>'
        f"{inner}</{name}Response>"
    )
    answer.body = text.encode()
    return answer


def _describe_snapshots(account: Account, form: dict[str, str]) -> str:
    _check_dry_run(form)
    now_unix_s = account.clock.unix_s()
    wanted = _numbered(form, "SnapshotId")
    if wanted:
        found = [_existing(account, snapshot_id) for snapshot_id in wanted]
    else:
        found = [item for item in account.store if item.state(now_unix_s)[0] is not State.GONE]
    found.sort(key=lambda item: (item.record.started_unix_s, item.record.snapshot_id))
    for number in range(1, 201):
        name = form.get(f"Filter.{number}.Name")
        if name is None:
            break
        values = _numbered(form, f"Filter.{number}.Value")
        found = [item for item in found if _matches(item, name, values, now_unix_s)]
    owners = _numbered(form, "Owner")
    if "self" in owners:
        owners.append(OWNER_ID)
    found = [item for item in found if not owners or item.record.owner_id in owners]
    found, token = _page(found, form)
    items = "".join(_item(snapshot, now_unix_s) for snapshot in found)
    return f"<snapshotSet>{items}</snapshotSet>{_element('nextToken', token)}"


def _delete_snapshot(account: Account, form: dict[str, str]) -> str:
    _check_dry_run(form)
    snapshot_id = form.get("SnapshotId")
    if not snapshot_id:
        message = "The request must contain the parameter SnapshotId"
        raise Ec2Error("MissingParameter", message)
    if _existing(account, snapshot_id).record.owner_id != OWNER_ID:
        message = "You are not authorized to perform this operation."
        raise Ec2Error("UnauthorizedOperation", message, 403)
    account.store.delete(snapshot_id)
    account.quotas.forget(snapshot_id)
    return "<return>true</return>"


def _create_tags(account: Account, form: dict[str, str]) -> str:
    _check_dry_run(form)
    for snapshot_id in _numbered(form, "ResourceId"):
        record = _existing(account, snapshot_id).record
        tags = dict(record.tags or ())
        number = 1
        while (key := form.get(f"Tag.{number}.Key")) is not None:
            tags[key] = form.get(f"Tag.{number}.Value", "")
            number += 1
        if len(tags) > _TAGS_MAX:
            raise Ec2Error("TagLimitExceeded", f"More than {_TAGS_MAX} tags on {snapshot_id}")
        account.store.replace(dataclasses.replace(record, tags=tuple(tags.items())))
    return "<return>true</return>"


_ACTIONS: dict[str, Callable[[Account, dict[str, str]], str]] = {
    "DescribeSnapshots": _describe_snapshots,
    "DeleteSnapshot": _delete_snapshot,
    "CreateTags": _create_tags,
}


def _check_dry_run(form: dict[str, str]) -> None:
    if form.get("DryRun", "").lower() == "true":
        message = "Request would have succeeded, but DryRun flag is set."
        raise Ec2Error("DryRunOperation", message, 412)


def _existing(account: Account, snapshot_id: str) -> Snapshot:
    if not SNAPSHOT_ID.fullmatch(snapshot_id):
        raise Ec2Error(
            "InvalidParameterValue",
            f"Value ({snapshot_id}) for parameter snapshotId is invalid. Expected: 'snap-...'.",
        )
    snapshot = account.store.get(snapshot_id)
    if snapshot is None or snapshot.record.deleted:
        raise Ec2Error("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
    return snapshot


def _page(found: list[Snapshot], form: dict[str, str]) -> tuple[list[Snapshot], str]:
    """Return one page and the token of the next, empty where there is none."""
    limit_text, token = form.get("MaxResults"), form.get("NextToken", "0")
    if not _COUNT.fullmatch(token):
        raise Ec2Error("InvalidParameterValue", "Invalid value for 'NextToken'")
    start = int(token)
    if limit_text is None:
        return found[start:], ""
    if not _COUNT.fullmatch(limit_text) or not _PAGE_MIN <= int(limit_text) <= _PAGE_MAX:
        message = f"Value ( {limit_text} ) for parameter maxResults is invalid. Expecting a value "
        raise Ec2Error("InvalidParameterValue", f"{message}greater than 5 and less than 1000.")
    stop = start + int(limit_text)
    return found[start:stop], str(stop) if stop < len(found) else ""


def _matches(snapshot: Snapshot, name: str, values: list[str], now_unix_s: float) -> bool:
    record = snapshot.record
    tags = dict(record.tags or ())
    if name.startswith("tag:"):
        return tags.get(name.removeprefix("tag:")) in values
    if name == "tag-key":
        return bool(tags.keys() & set(values))
    facts = {
        "snapshot-id": record.snapshot_id,
        "status": str(snapshot.state(now_unix_s)[0]),
        "description": record.description or "",
        "volume-size": str(record.volume_size_gib),
        "encrypted": str(record.encrypted).lower(),
        "owner-id": record.owner_id,
        "volume-id": _VOLUME_ID,
    }
    if name not in facts:
        raise Ec2Error("InvalidParameterValue", f"The filter '{name}' is invalid")
    return facts[name] in values


def _item(snapshot: Snapshot, now_unix_s: float) -> str:
    record = snapshot.record
    state, message = snapshot.state(now_unix_s)
    completed = state is State.COMPLETED
    settled_unix_s = record.settles_unix_s
    tags = "".join(
        f"<item><key>{_escaped(key)}</key><value>{_escaped(value)}</value></item>"
        for key, value in record.tags or ()
    )
    return "".join(
        (
            "<item>",
            _element("snapshotId", record.snapshot_id),
            _element("volumeId", _VOLUME_ID),
            _element("status", state),
            _element("statusMessage", message),
            _element("startTime", _iso(record.started_unix_s)),
            _element(
                "completionTime", _iso(settled_unix_s) if completed and settled_unix_s else ""
            ),
            _element("progress", _progress(snapshot, state)),
            _element("ownerId", record.owner_id),
            _element("volumeSize", str(record.volume_size_gib)),
            f"<description>{_escaped(record.description or '')}</description>",
            _element("encrypted", str(record.encrypted).lower()),
            _element("kmsKeyId", record.kms_key_arn or ""),
            f"<tagSet>{tags}</tagSet>" if tags else "",
            _element("storageTier", "standard"),
            _element("transferType", "standard"),
            _element("fullSnapshotSizeInBytes", str(_held_bytes(snapshot)) if completed else ""),
            "</item>",
        )
    )


def _progress(snapshot: Snapshot, state: State) -> str:
    """Return EC2's figure of its progress: no puts count, and without any there is little to do."""
    if state is State.COMPLETED:
        return "100%"
    is_sealed_empty = (
        state is State.PENDING
        and snapshot.record.settles_unix_s is not None
        and not snapshot.layers[0].written_count
    )
    return "99%" if is_sealed_empty else "0%"


def _held_bytes(snapshot: Snapshot) -> int:
    """Return what the snapshot's blocks take, the parent's included."""
    return snapshot.held_count * BLOCK_SIZE_BYTES


def _escaped(text: str) -> str:
    """Return a text as XML has it."""
    return saxutils.escape(_NO_XML.sub("?", text))


def _element(name: str, value: str) -> str:
    return f"<{name}>{_escaped(value)}</{name}>" if value else ""


def _numbered(form: dict[str, str], name: str) -> list[str]:
    """Return the values of ``name.1``, ``name.2`` and so on."""
    values: list[str] = []
    while (value := form.get(f"{name}.{len(values) + 1}")) is not None:
        values.append(value)
    return values


def _iso(unix_s: float) -> str:
    moment = datetime.fromtimestamp(unix_s, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

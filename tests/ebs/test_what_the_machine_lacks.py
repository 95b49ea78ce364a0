"""A connection that this machine had nothing left to make is its own error, and not tried again."""

import errno
import os

import aiohttp
import pytest
import urllib3
from aiohttp.client_reqrep import ConnectionKey

from bulkput.ebs.control_session import UnansweredError
from bulkput.ebs.http_response import WireError
from bulkput.ebs.transport_error import error_of_outage
from bulkput.model.errors import MachineError, ServiceError
from bulkput.source.remote.connections import Connections

URL = "https://ebs.eu-west-1.amazonaws.com"
KEY = ConnectionKey("ebs.eu-west-1.amazonaws.com", 443, True, True, None, None, None)


def _raised(error, cause=None):
    try:
        raise error from cause
    except type(error) as raised:
        return raised


def _system(number):
    return OSError(number, os.strerror(number))


FORMS = {
    "bare": _system,
    "of a wire": lambda number: _raised(WireError(), _system(number)),
    "of aiohttp": lambda number: aiohttp.ClientConnectorError(KEY, _system(number)),
    "of aiohttp, of a wire": lambda number: _raised(
        WireError(), aiohttp.ClientConnectorError(KEY, _system(number))
    ),
}


def outage(error):
    return error_of_outage("PutSnapshotBlock", error, url=URL, is_first=True, region="eu-west-1")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EMFILE, "this process may open no more files: raise the limit (`ulimit -n`)"),
        (errno.ENFILE, "the machine can open no more files: raise fs.file-max"),
        (errno.ENOMEM, "there is no memory left: lower tuning.memory_budget"),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_it_is_the_machines(form, number, words):
    found = outage(FORMS[form](number))
    assert isinstance(found, MachineError)
    assert f"ebs.eu-west-1.amazonaws.com: cannot be reached: {words}" in str(found)


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.EAGAIN, errno.ENETUNREACH])
@pytest.mark.parametrize("form", FORMS)
def test_what_is_the_networks_stays_so(form, number):
    assert isinstance(outage(FORMS[form](number)), ServiceError)


def test_the_control_planes_too():
    wrapped = UnansweredError(outage(FORMS["of a wire"](errno.EMFILE)))
    assert isinstance(wrapped.of("StartSnapshot", None), MachineError)


def test_a_remote_disks_too():
    refused = urllib3.exceptions.NewConnectionError(None, "no connection")
    found = Connections("https://x/disk.img", None)._failure(
        "https://x/disk.img", _raised(refused, _system(errno.EMFILE))
    )
    assert isinstance(found, MachineError)

"""The emulator as a program takes what its process needs, and leaves nothing of its memory."""

import resource

import pytest

from bulkput.emulator import serve
from bulkput.emulator.options import EmulatorOptions


@pytest.mark.parametrize(("hard", "core"), [(0, 0), (1000, 1), (resource.RLIM_INFINITY, 1)])
def test_a_crash_leaves_no_core(tmp_path, monkeypatch, hard, core):
    limits = {}
    monkeypatch.setattr(serve.resource, "getrlimit", lambda _: (hard, hard))
    monkeypatch.setattr(serve.resource, "setrlimit", limits.__setitem__)
    monkeypatch.setattr(serve.uvloop, "run", lambda serving: serving.close())
    serve.run(EmulatorOptions(root=tmp_path), print)
    assert limits == {resource.RLIMIT_NOFILE: (hard, hard), resource.RLIMIT_CORE: (core, hard)}

"""What holds for every test."""

import gc
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from bulkput.network.refusals import known_refusals

# `benchmarks` is not part of the wheel: found in the checkout, after everything installed.
sys.path.append(str(Path(__file__).resolve().parents[1]))

# A busy machine is no bug: what an example takes says nothing of the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

# Programs inherit what is ignored: whoever starts the suite in the background ignores SIGINT.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        is_interrupt = number is signal.SIGINT
        signal.signal(number, signal.default_int_handler if is_interrupt else signal.SIG_DFL)


_LONGEST = frozenset({"test_code_is_clean.py", "test_a_cluster_of_its_own.py"})
"""A type checker and a cluster's start, each for so long that one worker would be left alone with
it if it began among the last."""


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for no garbage meanwhile, half of what it takes; what is there then stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items):
    """Begin with what takes longest."""
    items.sort(key=lambda item: item.path.name not in _LONGEST)


_OF_THE_WORLD = ("clients", "deploy", "live")
"""Tests that speak to servers of others, whom the system's authorities vouch for."""


@pytest.fixture(autouse=True, scope="session")
def one_authority(request):
    """Let programs read one authority, not the system's 150: 25 ms less, hundreds of times."""
    items = request.session.items
    if any(item.get_closest_marker(name) for name in _OF_THE_WORLD for item in items):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
            patch.delenv(name, raising=False)
        path = Path(__file__).parent / "support/authority.pem"
        patch.setenv("SSL_CERT_FILE", os.fspath(path))
        yield


@pytest.fixture(autouse=True)
def no_proxy_has_refused():
    """Let no test know what the proxies of another one refused."""
    known_refusals.forget()

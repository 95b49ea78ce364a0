"""A redirector that names another mirror each time: one is kept to, an equal one replaces it."""

import gzip
import itertools
import ssl

import pytest
import trustme
from support.remote import RangeServer

from bulkput.model.errors import CredentialsError, SourceError, TemporaryError

BLOCK = 524_288
DATE = "Sat, 01 Aug 2026 10:00:00 GMT"


class Mirrors:
    """A redirector and two mirrors, whose validators differ as those of two web servers do."""

    def __init__(self, disk, **options):
        self.mirrors = [RangeServer(disk, etag=f'"inode-{n}"', **options) for n in (1, 2)]
        for mirror in self.mirrors:
            mirror.modified = DATE
        self.redirector = RangeServer(b"", **options)
        turns = itertools.cycle(self.mirrors)
        self.redirector.redirect = lambda: f"{next(turns).url}/moved/disk.img"
        self.url = f"{self.redirector.url}/disk.img"

    def asked(self):
        return [len(mirror.requests) for mirror in self.mirrors]

    def close(self):
        for server in (self.redirector, *self.mirrors):
            server.close()


@pytest.fixture
def web(disk):
    mirrors = Mirrors(disk)
    yield mirrors
    mirrors.close()


def test_all_ranges_come_from_the_mirror_of_the_first_answer(web, disk, opened, content):
    source = opened(web.url)
    assert content(source)[: len(disk)] == disk
    source.check_unchanged()
    assert web.asked()[0] > 3
    assert web.asked()[1] == 0
    assert len(web.redirector.requests) == 1


def test_over_https_too(disk, opened, content, monkeypatch, tmp_path):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    web = Mirrors(disk, tls=context)
    try:
        source = opened(web.url)
        web.mirrors[0].script.extend([404] * 9)
        assert content(source)[: len(disk)] == disk
        assert all(web.asked())
    finally:
        web.close()


@pytest.mark.parametrize(
    "trouble", [302, 404, 403, 410, 416, 500, 503, "gone", "cut", "cut for ever"]
)
def test_a_mirror_that_fails_is_replaced_by_an_equal_one(web, disk, opened, content, trouble):
    source = opened(web.url)
    source.read_window(0, 1)
    if trouble == "gone":
        web.mirrors[0].script.append(("cut", 10))
        web.mirrors[0].close()
    elif trouble == "cut for ever":
        web.mirrors[0].script.extend([("cut", 10)] * 100)
    elif trouble == "cut":
        web.mirrors[0].script.extend([("cut", 1000), 503, 503, 503])
    else:
        web.mirrors[0].script.extend([trouble] * 20)
    assert content(source)[: len(disk)] == disk
    assert web.asked()[1] > 0
    if trouble == "gone":
        web.mirrors[0].close = lambda: None


def test_a_mirror_that_is_cut_stays_where_there_is_no_equal_one(web, disk, opened, content):
    source = opened(web.url)
    web.mirrors[1].disk = disk + b"more"
    web.mirrors[0].script.extend([("cut", 1000)] * 5)
    assert content(source)[: len(disk)] == disk
    web.redirector.redirect = None  # nothing is there any more
    web.mirrors[0].script.extend([("cut", 1000)] * 5)
    assert content(source)[: len(disk)] == disk


def test_a_server_that_redirects_later_is_followed(disk, opened, content):
    front, store = RangeServer(disk), RangeServer(disk, etag='"another"')
    front.modified = store.modified = DATE
    try:
        source = opened(f"{front.url}/disk.img")
        front.redirect = f"{store.url}/moved/disk.img"
        assert content(source)[: len(disk)] == disk
        assert len(store.requests) > 2
        other = opened(f"{store.url}/disk.img")
        store.redirect, front.redirect, front.disk = f"{front.url}/disk.img", None, disk + b"more"
        with pytest.raises(SourceError, match="another one has another version"):
            other.read_window(0, 1)
    finally:
        store.close()
        front.close()


def test_a_redirect_that_is_not_followed_leaves_the_next_one(disk, opened, content):
    front, store = RangeServer(b""), RangeServer(disk)
    no_tls = store.url.replace("http:", "https:")
    for bad in ("http://mirror.example/x", f"{no_tls}/moved", "ftp://mirror.example/x"):
        targets = itertools.chain([bad], itertools.repeat(f"{store.url}/moved/disk.img"))
        front.redirect = targets.__next__
        assert content(opened(f"{front.url}/disk.img"))[: len(disk)] == disk
    front.redirect = "http://mirror.example/x"
    asked = len(front.requests)
    try:
        with pytest.raises(SourceError, match="not encrypted"):
            opened(f"{front.url}/disk.img")
        assert len(front.requests) == asked + 3
    finally:
        store.close()
        front.close()


@pytest.mark.parametrize(
    "target", ["moved/disk.img", "/moved/my disk", "/moved/d\xc3\xbcsk", "?a=b"]
)
def test_a_target_may_be_relative_and_badly_encoded(web, disk, opened, content, target):
    server = RangeServer(disk)
    targets = itertools.chain([target], itertools.repeat("/moved/last"))
    server.redirect = targets.__next__
    try:
        assert content(opened(f"{server.url}/disk.img"))[: len(disk)] == disk
        path = server.requests[1][0]
        assert path in {"/moved/disk.img", "/moved/my%20disk", "/moved/d%C3%BCsk", "/disk.img?a=b"}
    finally:
        server.close()


@pytest.mark.parametrize("differs", ["length", "date", "nothing to compare"])
def test_a_mirror_that_may_have_another_disk_is_never_mixed_in(web, disk, opened, differs):
    if differs == "nothing to compare":
        web.mirrors[0].modified = web.mirrors[1].modified = None
    source = opened(web.url)
    other = web.mirrors[1]
    if differs == "length":
        other.disk = disk + b"more"
    elif differs == "date":
        other.modified = "Sun, 02 Aug 2026 10:00:00 GMT"
    web.mirrors[0].script.extend([404] * 20)
    with pytest.raises(SourceError, match=r"another one has another version.*one mirror's address"):
        source.read_window(1, 1)
    assert "run again" not in str(differs)


def test_a_server_that_comes_back_is_waited_for(web, disk, opened, content, waits):
    source = opened(web.url)
    web.mirrors[1].disk = disk + b"more"
    web.mirrors[0].script.extend([503, 503])
    assert content(source)[: len(disk)] == disk
    assert waits
    web.mirrors[0].script.extend([503] * 100)
    with pytest.raises(TemporaryError, match="another version"):
        source.read_window(0, 1)


def test_equal_strong_etags_are_enough_without_a_date(web, disk, opened, content):
    for mirror in web.mirrors:
        mirror.etag, mirror.modified = '"sha-of-the-disk"', None
    source = opened(web.url)
    web.mirrors[0].script.extend([410] * 20)
    assert content(source)[: len(disk)] == disk


def test_the_disk_that_really_is_replaced_is_noticed_at_its_own_server(web, opened):
    source = opened(web.url)
    web.mirrors[0].etag = '"inode-3"'
    with pytest.raises(SourceError, match="was replaced by another version"):
        source.read_window(1, 1)
    assert web.asked()[1] == 0


def test_a_mirror_that_lags_behind_is_passed_over_at_the_start(web, disk, opened, content):
    web.mirrors[0].gives_ranges = False
    assert content(opened(web.url))[: len(disk)] == disk
    web.mirrors[0].gives_ranges = True
    web.mirrors[0].script.extend([404] * 9)
    assert content(opened(web.url))[: len(disk)] == disk
    web.mirrors[0].script.clear()
    for mirror in web.mirrors:
        mirror.script.extend([403] * 9)
    with pytest.raises(CredentialsError, match="403"):
        opened(web.url)


def test_a_signed_target_that_expires_is_asked_for_anew(disk, opened, content):
    store, front = RangeServer(disk), RangeServer(b"")
    signatures = itertools.count(1)
    front.redirect = lambda: f"{store.url}/moved/disk?signature={next(signatures)}"
    try:
        source = opened(f"{front.url}/disk.img")
        store.script.append(403)
        assert content(source)[: len(disk)] == disk
        assert store.requests[-1][0].endswith("signature=2")
    finally:
        store.close()
        front.close()


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "X-GZIP"])
def test_a_compressed_file_may_be_announced_as_such(disk, opened, content, encoding):
    web = RangeServer(gzip.compress(disk, 1))
    web.encoding = encoding
    try:
        source = opened(f"{web.url}/disk.img.gz", volume_size_gib=1)
        assert source.format == "gzip"
        assert content(source)[: len(disk)] == disk
    finally:
        web.close()


def test_bytes_that_are_packed_on_the_way_only_are_refused(disk, opened):
    web = RangeServer(disk)
    web.encoding = "x-gzip"
    try:
        with pytest.raises(SourceError, match=r"sent as x-gzip.*download it first"):
            opened(f"{web.url}/disk.img")
    finally:
        web.close()

"""Texts in a disk's place: error pages, manifests, checksums, pointers to a file that is elsewhere.

Pure. A disk does not begin with half a kilobyte of text.
"""

from bulkput.source.format_mark import FormatMark

_LOOKED_AT_BYTES = 512
_CONTROLS = frozenset(range(0x20)) - frozenset(b"\t\n\r\f\x1b")
_HEX = frozenset(b"0123456789abcdefABCDEF")
_DIGEST_LENGTHS = frozenset({32, 40, 56, 64, 96, 128})
"""Digits of MD5, SHA-1 and SHA-2."""

_AGAIN = "it is the answer of a server, or a description: get the disk itself"
_TEXTS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs.github.com/", "a Git LFS pointer (git lfs pull)"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<head", "an HTML page"),
    (b"<?xml", "XML (an error of a server, an OVF description)"),
    (b"<envelope", "XML (an OVF description)"),
    (b"<error", "XML (an error of a server)"),
    (b"-----begin ", "a key, certificate or message (PEM)"),
    (b'{"', "JSON"),
    (b"{\n", "JSON"),
    (b"{ ", "JSON"),
    (b"{\r", "JSON"),
    (b"[{", "JSON"),
    (b"#!", "a script"),
    (b"http/1.", "an HTTP answer with its headers"),
    (b"d8:announce", "a torrent"),
    (b".encoding", "a description of a virtual machine"),
    (b"mime-version:", "a mail message"),
    (b"content-type:", "a mail message or HTTP headers"),
    (b"sha256 (", "a list of checksums"),
    (b"sha512 (", "a list of checksums"),
    (b"sha1 (", "a list of checksums"),
    (b"md5 (", "a list of checksums"),
)


def is_text(head: bytes) -> bool:
    """Return whether the beginning is text in UTF-8, with nothing else in it."""
    begin = head[:_LOOKED_AT_BYTES]
    if not begin or not _CONTROLS.isdisjoint(begin):
        return False
    try:
        begin.decode()
    except UnicodeDecodeError as error:
        return error.start > len(begin) - 4 and len(begin) == _LOOKED_AT_BYTES
    return True


def detect_text(head: bytes) -> FormatMark | None:
    """Return what kind of text a source is; None of what is no text or no kind that is known."""
    if not is_text(head):
        return None
    begin = head[:_LOOKED_AT_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    for prefix, name in _TEXTS:
        if begin.lower().startswith(prefix):
            return FormatMark(name, prefix, 0, _AGAIN)
    digest, separator, _ = begin.partition(b" ")
    if separator and len(digest) in _DIGEST_LENGTHS and _HEX.issuperset(digest):
        return FormatMark("a list of checksums", digest, 0, _AGAIN)
    return None

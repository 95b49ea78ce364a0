"""A certificate for the sink on the loopback, made by hand: no library and no program needed.

Self-signed, for localhost and 127.0.0.1, with a key on P-256 (FIPS 186-5, SEC 1, RFC 5280). The
arithmetic takes no constant time, which is no matter: the key guards random blocks, on this
machine, for a minute.
"""

import base64
import hashlib
import os
import secrets
import time
from pathlib import Path
from typing import NamedTuple

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_GENERATOR = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_Point = tuple[int, int]

_OID_EC_KEY = bytes.fromhex("06072a8648ce3d0201")
_OID_P256 = bytes.fromhex("06082a8648ce3d030107")
_OID_ECDSA_SHA256 = bytes.fromhex("06082a8648ce3d040302")
_OID_COMMON_NAME = bytes.fromhex("0603550403")
_OID_ALT_NAME = bytes.fromhex("0603551d11")
_OID_BASIC_CONSTRAINTS = bytes.fromhex("0603551d13")

_VALID_S = 86_400
"""Before and after now: a clock that is wrong is wrong for both sides."""


class KeyPair(NamedTuple):
    """The files that a server needs; the client trusts the certificate itself."""

    certificate: Path
    key: Path


def write_key_pair(folder: Path) -> KeyPair:
    """Make a key and its certificate anew, in two files of ``folder``.

    Raises:
        OSError: they cannot be written.
    """
    private = 1 + secrets.randbelow(_ORDER - 1)
    public = _encoded(_multiply(private, _GENERATOR))
    pair = KeyPair(folder / "certificate.pem", folder / "key.pem")
    key = _sequence(
        _integer(1),
        _wrapped(0x04, private.to_bytes(32, "big")),
        _wrapped(0xA0, _OID_P256),
        _wrapped(0xA1, _bits(public)),
    )
    pair.certificate.write_bytes(_pem("CERTIFICATE", _certificate(private, public)))
    with os.fdopen(os.open(pair.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_pem("EC PRIVATE KEY", key))
    return pair


def _certificate(private: int, public: bytes) -> bytes:
    algorithm = _sequence(_OID_ECDSA_SHA256)
    name = _sequence(
        _wrapped(0x31, _sequence(_OID_COMMON_NAME, _wrapped(0x0C, b"bulkput bench"))),
    )
    now_s = time.time()
    names = _sequence(_wrapped(0x82, b"localhost"), _wrapped(0x87, bytes((127, 0, 0, 1))))
    is_authority = _sequence(_wrapped(0x01, b"\xff"))
    content = _sequence(
        _wrapped(0xA0, _integer(2)),  # version 3
        _integer(1 + secrets.randbits(63)),
        algorithm,
        name,
        _sequence(_time(now_s - _VALID_S), _time(now_s + _VALID_S)),
        name,
        _sequence(_sequence(_OID_EC_KEY, _OID_P256), _bits(public)),
        _wrapped(
            0xA3,
            _sequence(
                _sequence(_OID_ALT_NAME, _wrapped(0x04, names)),
                _sequence(
                    _OID_BASIC_CONSTRAINTS, _wrapped(0x01, b"\xff"), _wrapped(0x04, is_authority)
                ),
            ),
        ),
    )
    return _sequence(content, algorithm, _bits(_signature(private, content)))


def _signature(private: int, content: bytes) -> bytes:
    """Return the ECDSA signature of ``content``; FIPS 186-5, 6.4.1."""
    digest = int.from_bytes(hashlib.sha256(content).digest(), "big")
    while True:
        nonce = 1 + secrets.randbelow(_ORDER - 1)
        r = _multiply(nonce, _GENERATOR)[0] % _ORDER
        s = pow(nonce, -1, _ORDER) * (digest + r * private) % _ORDER
        if r and s:
            return _sequence(_integer(r), _integer(s))


def _multiply(factor: int, point: _Point) -> _Point:
    """Return ``factor``, at least 1, times ``point``."""
    result: _Point | None = None
    while factor:
        if factor & 1:
            result = point if result is None else _add(result, point)
        point = _add(point, point)
        factor >>= 1
    assert result is not None  # noqa: S101 - the factor has a bit
    return result


def _add(one: _Point, other: _Point) -> _Point:
    """Return the sum of two points that are not each other's opposite."""
    (x1, y1), (x2, y2) = one, other
    if one == other:
        slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, _P) % _P
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, _P) % _P
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P


def _encoded(point: _Point) -> bytes:
    return b"\x04" + b"".join(each.to_bytes(32, "big") for each in point)


def _wrapped(tag: int, content: bytes) -> bytes:
    """Return one DER element."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + content


def _sequence(*parts: bytes) -> bytes:
    return _wrapped(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    return _wrapped(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _bits(content: bytes) -> bytes:
    return _wrapped(0x03, b"\x00" + content)


def _time(unix_s: float) -> bytes:
    return _wrapped(0x18, time.strftime("%Y%m%d%H%M%SZ", time.gmtime(unix_s)).encode())


def _pem(label: str, content: bytes) -> bytes:
    body = base64.encodebytes(content).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()

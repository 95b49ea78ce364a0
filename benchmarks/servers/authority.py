"""A private certificate authority for one run."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Authority:
    """The files that servers and clients need for TLS on the loopback."""

    ca_path: Path
    certificate_path: Path
    key_path: Path


def make_authority(folder: Path) -> Authority:
    """Write a fresh authority and a certificate for 127.0.0.1 into ``folder``."""
    import trustme  # noqa: PLC0415 - 60 ms and cryptography: only runs that start servers pay

    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    files = Authority(folder / "ca.pem", folder / "certificate.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(str(files.ca_path))
    issued.private_key_pem.write_to_path(str(files.key_path))
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    files.certificate_path.write_bytes(chain)
    return files

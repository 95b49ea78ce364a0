"""Opening a remote object: which way it is read, and what is in it."""

from bulkput.model.address import parse_address
from bulkput.model.block import GIB_BYTES, VOLUME_SIZE_MAX_GIB
from bulkput.model.disk_format import FormatChoice
from bulkput.model.errors import SourceError
from bulkput.source.format import choose_format, detect_format, is_compression
from bulkput.source.remote.access import Access
from bulkput.source.remote.object import RemoteObject
from bulkput.source.remote.source import RemoteFeed, RemoteSource
from bulkput.source.remote.transport import Transport
from bulkput.source.source import Source
from bulkput.source.stream.open import open_compressed


def open_remote(
    text: str,
    access: Access,
    *,
    configured: FormatChoice,
    size_gib: int | None,
    allow_trailing_data: bool,
) -> Source:
    """Open an address for reading. Blocks.

    Raises:
        SourceError: it is not there, or not a disk that is read in this way.
        CredentialsError: it may not be read.
        ConfigError: the volume's size is needed, or the way there is not allowed.
        TemporaryError: nobody answers.
    """
    remote = RemoteObject(_transport(text, access))
    try:
        return _open(remote, configured, size_gib, allow_trailing_data=allow_trailing_data)
    except BaseException:
        remote.close()
        raise


def _open(
    remote: RemoteObject,
    configured: FormatChoice,
    size_gib: int | None,
    *,
    allow_trailing_data: bool,
) -> Source:
    if remote.size_bytes > VOLUME_SIZE_MAX_GIB * GIB_BYTES:
        what = f"has {remote.size_bytes} bytes, more than the largest volume (64 TiB)"
        raise SourceError(remote.path, what)
    try:
        mark = None if configured == "raw" else detect_format(remote.head, remote.foot())
        found = choose_format(configured, mark)
    except ValueError as error:
        raise SourceError(remote.path, str(error)) from error
    if remote.version.encoding is not None and not (configured == "raw" or is_compression(found)):
        what = (
            f"is sent as {remote.version.encoding} though it is not compressed itself: switch that "
            "off at the server (Content-Encoding), or download it first"
        )
        raise SourceError(remote.path, what)
    if found == "raw":
        return RemoteSource(remote)
    if is_compression(found):
        feed = RemoteFeed(remote)
        return open_compressed(
            remote,
            feed,
            found,
            configured=configured,
            size_gib=size_gib,
            allow_trailing_data=allow_trailing_data,
        )
    what = f"is a {found} image, which is read from a file only; download it first"
    raise SourceError(remote.path, what)


def _transport(text: str, access: Access) -> Transport:
    address = parse_address(text)
    if address.scheme == "s3":
        from bulkput.source.remote.s3 import S3Transport  # noqa: PLC0415 - loads botocore

        return S3Transport(address, access)
    from bulkput.source.remote.http import HttpTransport  # noqa: PLC0415 - loads urllib3

    return HttpTransport(
        text, allow_insecure_http=access.allow_insecure_http, profile=access.profile
    )

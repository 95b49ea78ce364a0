"""Ranges of an S3 object, by botocore and the credentials of the AWS chain. One attempt each."""

import os
import re
import threading
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from bulkput.model.address import Address
from bulkput.model.errors import ConfigError, CredentialsError, Problem, SourceError
from bulkput.model.host import is_loopback
from bulkput.network.causes import local_shortage
from bulkput.network.proxy import REFUSALS, proxy_for, refusal, refused_status, shown_proxy
from bulkput.network.refusals import known_refusals
from bulkput.network.tls import verify_path
from bulkput.network.words import plain_words
from bulkput.source.remote.access import Access
from bulkput.source.remote.connections import interrupt
from bulkput.source.remote.s3_session import bounded_session
from bulkput.source.remote.transport import (
    PassingError,
    RangeResponse,
    Version,
    no_ranges,
    refuse,
    total_bytes,
)
from bulkput.source.remote.unreached import error_without_answer

_CONNECTIONS_MAX = 64
_CONNECT_TIMEOUT_S = 10
_READ_TIMEOUT_S = 20
"""As for https."""

_REQUESTS_MAX = 6
"""For one range: to the wrong Region, up to three to find the right one, and to that."""

_OTHER_FORM = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError)
"""What botocore raises at an answer that is not what it expects, of S3 or of who gives keys."""

_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")
"""Of S3's errors; what else stands in its place is not shown."""

_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGION_DEFAULT = "us-east-1"
"""S3 itself answers where the bucket is, and botocore follows."""


class S3Transport:
    """Asks for ranges of one object."""

    shown_names_all = True

    def __init__(self, address: Address, access: Access) -> None:
        self.shown = address.shown
        self._object = {"Bucket": address.bucket, "Key": address.key}
        self._client = _client(access)
        self._sent = threading.local()
        self._client.meta.events.register("before-send.s3", self._check_request)
        endpoint = urlsplit(self._client.meta.endpoint_url)
        is_clear = endpoint.scheme == "http" and not is_loopback(endpoint.hostname or "")
        if is_clear and not access.allow_insecure_http:
            self.close()
            expected = "expected https: http is for this machine only (AWS_ENDPOINT_URL_S3)"
            raise ConfigError((Problem("allow_insecure_http", expected),))

    def get(self, start: int, stop: int, version: Version | None) -> RangeResponse:
        from botocore.exceptions import (  # noqa: PLC0415 - loaded with the client
            BotoCoreError,
            ClientError,
            NoCredentialsError,
            PartialCredentialsError,
            TokenRetrievalError,
        )
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - the same

        self._sent.requests, self._sent.url = 0, self._client.meta.endpoint_url
        request = self._object | {"Range": f"bytes={start}-{stop - 1}"}
        if version is not None:
            request |= {"IfMatch": version.etag} if version.etag else {}
            request |= {"VersionId": version.version_id} if version.version_id else {}
        try:
            with known_refusals.asking(self._client.meta.endpoint_url):
                answer = self._client.get_object(**request)
        except ClientError as error:
            raise self._failure(error.response) from error
        except (NoCredentialsError, PartialCredentialsError, TokenRetrievalError) as error:
            raise CredentialsError(f"{self.shown}: {plain_words(str(error))}") from error
        except (BotoCoreError, HTTPError) as error:
            raise self._outage(error) from error
        except _OTHER_FORM as error:
            raise self._misread(error) from error
        size_bytes = total_bytes(answer.get("ContentRange"), start, stop)
        if size_bytes is None:
            answer["Body"].close()
            raise no_ranges(self.shown)
        version_id = answer.get("VersionId")
        modified = answer.get("LastModified")
        return _S3Answer(
            answer["Body"],
            Version(
                size_bytes,
                answer.get("ETag"),
                None if modified is None else modified.isoformat(),
                None if version_id in {None, "null"} else version_id,
            ),
        )

    def close(self) -> None:
        self._client.close()

    def _check_request(self, request: Any, **_: Any) -> None:
        """End a get that a proxy has refused the way of, and one that redirects lead in circles.

        At each, botocore asks for the bucket's Region, which may be answered by a redirect again.
        """
        self._sent.requests += 1
        self._sent.url = request.url
        refused = known_refusals.status_of(request.url)
        if refused is not None:
            raise self._refusal(refused)
        if self._sent.requests > _REQUESTS_MAX:
            raise PassingError(f"{_REQUESTS_MAX} requests were redirected, and none answered")

    def _outage(self, error: Exception) -> Exception:
        status = refused_status(error)
        if status in REFUSALS:
            known_refusals.note(self._sent.url, status)
            return self._refusal(status)
        short = local_shortage(error, f"{self.shown}: cannot be reached")
        if short is not None:
            return short
        return error_without_answer(
            error,
            shown=self.shown,
            url=self._sent.url,
            region=self._client.meta.region_name,
            named_in="AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL",
        )

    def _misread(self, error: Exception) -> Exception:
        short = local_shortage(error, f"{self.shown}: cannot be reached")
        return short or PassingError("an answer of another form than S3's")

    def _refusal(self, status: int) -> CredentialsError:
        url = self._sent.url
        what, remedy = refusal(status, urlsplit(url).netloc, shown_proxy(url))
        return CredentialsError(f"{self.shown}: {what}. {remedy}")

    def _failure(self, response: dict[str, Any]) -> Exception:
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = response.get("Error", {}).get("Code", "")
        code = code if isinstance(code, str) and _CODE.fullmatch(code) else ""
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return SourceError(self.shown, "is empty, or became shorter")
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            known_refusals.note(self._sent.url, status)
            return self._refusal(status)
        if code == "InvalidObjectState":
            return SourceError(self.shown, "is archived (Glacier); restore it first")
        try:
            refuse(self.shown, status, code)
        except Exception as error:  # noqa: BLE001 - what was decided, for the caller to raise
            return error


class _S3Answer:
    def __init__(self, body: Any, version: Version) -> None:
        self.version = version
        self._body = body
        self._is_over = False

    def read(self, length_max_bytes: int) -> bytes:
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - loaded already
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - the same

        try:
            piece: bytes = self._body.read(length_max_bytes)
        except (BotoCoreError, HTTPError, OSError, ValueError) as error:  # as for https
            raise PassingError(type(error).__name__) from error
        return piece

    def interrupt(self) -> None:
        interrupt(self._body._raw_stream)  # noqa: SLF001 - see there

    def close(self) -> None:
        self._body.close()


def _client(access: Access) -> Any:
    from botocore.config import Config  # noqa: PLC0415 - 200 ms that only this source takes
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - the same
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - the same

    has_endpoint = any(os.environ.get(name) for name in _ENDPOINT_VARIABLES)
    try:
        session = bounded_session(access.profile)
        region = access.region or session.get_config_variable("region") or _REGION_DEFAULT
        make = partial(
            session.create_client,
            "s3",
            region_name=region,
            verify=verify_path(session.get_config_variable("ca_bundle")),
        )
        config = Config(
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_READ_TIMEOUT_S,
            max_pool_connections=_CONNECTIONS_MAX,
            retries={"total_max_attempts": 1},
            response_checksum_validation="when_required",  # of whole objects only
            # Other servers than AWS's rarely have a name for each bucket.
            s3={"addressing_style": "path"} if has_endpoint else None,
            proxies={},
        )
        client = make(config=config)
        url = client.meta.endpoint_url
        proxy = proxy_for(url)
        if proxy is None:
            return client
        client.close()  # only the client knows where it goes, and it takes a proxy when it is made
        client = make(config=config.merge(Config(proxies={urlsplit(url).scheme: proxy.url})))
    except (BotoCoreError, HTTPError, *_OTHER_FORM) as error:
        what = f"the AWS configuration cannot be used for S3: {plain_words(str(error))}"
        raise CredentialsError(what) from error
    if proxy.authorization is not None:
        # botocore's own way fails at passwords that are not ASCII, and leaves empty ones out.
        asker = {"Proxy-Authorization": proxy.authorization}
        of_session = client._endpoint.http_session._proxy_config  # noqa: SLF001
        of_session.proxy_headers_for = lambda _: dict(asker)
    return client

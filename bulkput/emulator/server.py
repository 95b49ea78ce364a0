"""The emulator: sockets, and the way of a request from the wire to an operation and back.

Owns the server's life and the order of things: fault, rate, body, signature, operation, delay,
answer. Knows no operation's rules.
"""

import asyncio
import hashlib
import logging
import ssl
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

from aiohttp import web

from bulkput.emulator import services
from bulkput.emulator.account import Account
from bulkput.emulator.answer import Answer, error_answer, html_unavailable, to_response
from bulkput.emulator.body import read_block, read_small
from bulkput.emulator.call import EC2, Call, parse_call
from bulkput.emulator.clock import EmulatorClock, SystemClock
from bulkput.emulator.control import PREFIX, Control
from bulkput.emulator.errors import ApiError, internal, unsigned_body, wrong_host
from bulkput.emulator.fault_errors import CLOCK_SKEW_DEFAULT_S, fault_error
from bulkput.emulator.faults import Fault, FaultKind, FaultScript, Stage
from bulkput.emulator.hosts import is_loopback, is_trusted
from bulkput.emulator.latency import Latency
from bulkput.emulator.options import EmulatorOptions
from bulkput.emulator.put import BlockBody
from bulkput.emulator.quotas import Quotas
from bulkput.emulator.resources import Resources
from bulkput.emulator.signature import UNSIGNED, SignatureError, Verifier, named_region
from bulkput.emulator.stats import Stats
from bulkput.emulator.store import Store
from bulkput.emulator.tokens import Tokens
from bulkput.emulator.wire import Hung, before_body, send_spoiled, spoil

_log = logging.getLogger(__name__)

_READ_BUFFER_BYTES = 1 << 20
"""More than a block, so that the transport is never paused in the middle of one."""
_BACKLOG = 1024
"""Connections waiting to be accepted: several clients may open hundreds at once."""
_STOP_LIMIT_S = 1.0
_EMPTY_BODY = BlockBody([], 0, b"")


class Emulator:
    """One server with one store; an async context manager.

    All work, disk writes too, is done in the event loop that ``start`` is called in: a hop to a
    thread cost 10% more CPU a put and brought no more puts a second (2 cores, client beside it).
    """

    def __init__(self, options: EmulatorOptions, clock: EmulatorClock | None = None) -> None:
        """Open the store.

        Raises:
            StoreError: its folder is in use.
        """
        self.options = options
        self.store = Store(options.root)
        self.faults = FaultScript()
        self.stats = Stats()
        self.latency = Latency(options.latency_ms, options.jitter_ms)
        self.account = Account(
            options=options,
            store=self.store,
            resources=Resources(options.root),
            tokens=Tokens(self.store.token_key),
            quotas=Quotas(options),
            stats=self.stats,
            clock=clock or SystemClock(),
        )
        self.url = ""
        """Where it serves, once started."""
        self._control = Control(self.account, self.faults, self.latency)
        self._verifier = Verifier(
            options.access_key, options.secret_key, options.session_token, options.region
        )
        self._is_private = is_loopback(options.host)
        self._stopping = asyncio.Event()
        self._runner: web.ServerRunner | None = None

    async def start(self) -> str:
        """Listen, and return the URL.

        Raises:
            OSError: the address is taken, or the certificate cannot be read.
        """
        context = None
        if self.options.tls_cert is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.options.tls_cert, self.options.tls_key)
        server = web.Server(
            self._handle,
            handler_cancellation=True,
            access_log=None,
            read_bufsize=_READ_BUFFER_BYTES,
            auto_decompress=False,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=_STOP_LIMIT_S)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner,
            self.options.host,
            self.options.port,
            ssl_context=context,
            backlog=_BACKLOG,
        )
        await site.start()
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://{host}:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """End connections and close the store; harmless when repeated."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._runner is not None and self._runner.server is not None:
            transports = [one.transport for one in self._runner.server.connections]
            await self._runner.cleanup()
            for transport in transports:
                # Closing TLS in order waits for a client that may not be listening any more.
                if transport is not None:
                    transport.abort()
            await asyncio.sleep(0)
        self.store.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; only this method and the wire's functions await."""
        path = request.raw_path
        if path.startswith(PREFIX) and self.options.faults:
            answer = await self._answer_control(request)
            return to_response(answer, self.account.clock.unix_s())
        call = parse_call(request.method, path, request.headers)
        try:
            if self._is_private and not self._is_meant(request):
                return await self._send(request, "", error_answer(wrong_host()), None)
            if call is None:
                unknown = ApiError("UnknownOperationException", "Unknown operation")
                return await self._send(request, "", error_answer(unknown), None)
            return await self._serve(request, call)
        except Hung:
            operation = "" if call is None else call.operation
            self.stats.answered(operation, 0, "none")
            # The connection is gone; what is returned here goes nowhere.
            return web.Response(status=500)

    def _is_meant(self, request: web.BaseRequest) -> bool:
        """Return whether the request was addressed to this server."""
        return is_trusted(request.headers.get("Host", ""), self.options.host)

    async def _answer_control(self, request: web.BaseRequest) -> Answer:
        """Answer what is asked of the emulator itself, by somebody who has its key.

        A browser sends what a web page wants sent, to loopback too: its requests name their Origin.
        """
        raw_path, _, raw_query = request.raw_path.partition("?")
        try:
            if not self._is_meant(request) or "Origin" in request.headers:
                return error_answer(wrong_host())
            body = await read_small(request.content, self.options.body_timeout_s)
            call = Call(request.method, raw_path, raw_query, request.headers, "", body=body)
            if call.headers.get("X-Amz-Content-SHA256") == UNSIGNED:
                return error_answer(unsigned_body())
            self._verify(call, _EMPTY_BODY)
        except ApiError as error:
            return error_answer(error)
        return self._control.answer(call.method, raw_path, body)

    async def _serve(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        limit_s = self.options.body_timeout_s
        if call.operation != services.PUT:
            try:
                call.body = await read_small(request.content, limit_s)
            except ApiError as error:
                return await self._send(request, call.operation, error_answer(error), None)
        if call.operation == EC2:
            call.form = dict(
                parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)
            )
        operation = call.action
        # The rate is decided before the body is hashed: a refusal is to be cheap. It uses up no
        # fault: one that a throttled call took would never show, and still count as reached.
        refusal = self.account.quotas.refusal(
            operation, call.snapshot_id, self.account.clock.monotonic_s()
        )
        fault = None
        if refusal is None:
            fault = self.faults.take(operation, call.snapshot_id, call.block_index)
        if fault is not None and fault.stage is Stage.BEFORE_BODY:
            await before_body(request, fault, self._stopping)
            early = services.scripted(call, fault_error(fault, self.account, call))
            answer = services.answer_of(early)
            return await self._send(request, operation, answer, fault)
        block = _EMPTY_BODY
        if call.operation == services.PUT:
            block = await read_block(request.content, limit_s, hashing=refusal is None)
        if fault is not None and fault.kind is FaultKind.NEVER_ANSWER:
            await self._stopping.wait()
            raise Hung
        answer = self._answer(call, block, refusal, fault)
        return await self._send(request, operation, answer, fault)

    def _answer(
        self, call: Call, block: BlockBody, refusal: ApiError | None, fault: Fault | None
    ) -> Answer:
        """Return the answer to a call whose body is here; every error becomes one."""
        if refusal is not None:
            return error_answer(refusal)
        try:
            self._verify(call, block)
            if fault is not None and fault.stage is Stage.INSTEAD:
                return self._instead(fault, call)
            answer = services.perform(self.account, call, block)
            if fault is not None:
                spoil(fault, self.account, call, answer)
        except services.SERVICE_ERRORS as error:
            answer = services.answer_of(error)
        except Exception:  # noqa: BLE001 - whatever it was, the client gets a 500 and the log the rest
            _log.exception("%s failed", call.action)
            answer = services.answer_of(services.scripted(call, internal()))
        return answer

    def _instead(self, fault: Fault, call: Call) -> Answer:
        """Return the error of a fault."""
        if fault.kind is FaultKind.HTML_503:
            return html_unavailable()
        return services.answer_of(services.scripted(call, fault_error(fault, self.account, call)))

    def _verify(self, call: Call, block: BlockBody) -> None:
        """Check the signature.

        Raises:
            ApiError: it does not hold; for other services than the direct API Ec2Error, JsonError.
        """
        if not self.options.verify_signatures:
            call.region = named_region(call.headers) or call.region
            return
        is_put = call.operation == services.PUT
        body_hash = block.digest.hex() if is_put else hashlib.sha256(call.body).hexdigest()
        now_unix_s = self.account.clock.unix_s()
        try:
            call.region = self._verifier.verify(call, call.service, body_hash, now_unix_s)
        except SignatureError as error:
            raise services.refusal(call, error) from None

    async def _send(
        self, request: web.BaseRequest, operation: str, answer: Answer, fault: Fault | None
    ) -> web.StreamResponse:
        """Hold the answer back as long as it is to be, and hand it to the connection."""
        self.stats.answered(operation, answer.status, answer.code)
        if self.options.verbose:
            _log.info("%s %s %d %s", operation, request.raw_path, answer.status, answer.code)
        delay_s = self.latency.delay_s()
        if delay_s > 0:
            await asyncio.sleep(delay_s)
        now_unix_s = self.account.clock.unix_s()
        if fault is not None and fault.kind is FaultKind.CLOCK_SKEW:
            now_unix_s += fault.delay_s or CLOCK_SKEW_DEFAULT_S
        if fault is not None and fault.stage is Stage.AFTER:
            return await send_spoiled(request, fault, answer, now_unix_s, self._stopping)
        return to_response(answer, now_unix_s)

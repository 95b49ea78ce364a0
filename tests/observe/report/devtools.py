"""A browser that is asked by the DevTools protocol: what it requested, logged and laid out."""

import asyncio
import base64
import contextlib
import shutil
from pathlib import Path

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome")


def browser():
    """Return the path of a Chromium, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """A page that is open, and what happened in it."""

    def __init__(self, socket):
        self._socket = socket
        self._number = 0
        self.requests, self.messages = [], []

    async def call(self, method, **params):
        self._number += 1
        number = self._number
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json(timeout=60)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._hear(message)

    def _hear(self, message):
        if message["method"] == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        elif message["method"] in {"Log.entryAdded", "Runtime.exceptionThrown"}:
            self.messages.append(message["params"])

    async def width_px(self, width_px):
        """Lay the page out for a window of so many pixels; returns how wide it became."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width_px,
            height=1000,
            deviceScaleFactor=1,
            mobile=False,
        )
        expression = "document.documentElement.scrollWidth"
        found = await self.call("Runtime.evaluate", expression=expression)
        return found["result"]["value"]

    async def keep(self, folder, name):
        """Keep a screenshot of the whole page."""
        shot = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        (folder / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    async def printed(self):
        """Return the page as PDF."""
        return base64.b64decode((await self.call("Page.printToPDF"))["data"])


@contextlib.asynccontextmanager
async def opened(address, folder: Path):
    """Open ``address`` in a browser of its own, whose profile is in ``folder``."""
    process = await asyncio.create_subprocess_exec(
        browser(),
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        *("--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port_file = folder / "DevToolsActivePort"
        async with asyncio.timeout(60):
            while not port_file.exists() or not port_file.read_text().strip():  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.1)
        port = port_file.read_text().split()[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                (target,) = [each for each in await answer.json() if each["type"] == "page"]
            async with session.ws_connect(
                target["webSocketDebuggerUrl"], max_msg_size=1 << 28
            ) as socket:
                page = Page(socket)
                for domain in ("Network", "Log", "Runtime", "Page"):
                    await page.call(f"{domain}.enable")
                await page.call("Page.navigate", url=address)
                await asyncio.sleep(1.0)
                yield page
    finally:
        process.terminate()
        await process.wait()

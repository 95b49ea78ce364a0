"""The shelf that reading is measured with: what it lists is what it gives."""

import base64
import hashlib
import http.client
import json
import shutil
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks.clients.arguments import SNAPSHOT_ID
from benchmarks.servers.authority import make_authority
from benchmarks.servers.shelf import Shelf

needs_nginx = pytest.mark.skipif(
    shutil.which("nginx", path="/usr/sbin:/usr/bin") is None, reason="nginx is not installed"
)


@needs_nginx
def test_the_shelf_lists_in_pages_and_gives_the_same_block_everywhere(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    context = ssl.create_default_context(cafile=str(authority.ca_path))
    with Shelf(tmp_path / "shelf", authority, volume_size_gib=6) as shelf:
        where = urlsplit(shelf.url)
        connection = http.client.HTTPSConnection(where.hostname or "", where.port, context=context)

        def answer(path: str) -> http.client.HTTPResponse:
            connection.request("GET", f"/snapshots/{SNAPSHOT_ID}/blocks{path}")
            found = connection.getresponse()
            assert found.status == 200
            return found

        listed, query = [], ""
        while True:
            page = json.loads(answer(query).read())
            listed += [block["BlockIndex"] for block in page["Blocks"]]
            if page["NextToken"] is None:
                break
            query = f"?pageToken={page['NextToken']}"
        assert listed == list(range(6 * 2048))
        got = answer("/12287?blockToken=a")
        block = got.read()
        assert block == shelf.block
        digest = base64.b64encode(hashlib.sha256(block).digest()).decode()
        assert got.headers["x-amz-Checksum"] == digest
        connection.close()

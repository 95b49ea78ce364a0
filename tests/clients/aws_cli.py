"""The AWS CLI, from PyPI in an environment of its own.

Its own ``main`` is called once a block in one process: starts of the interpreter would take most of
the time and test nothing else. A call still builds its client anew, 0.1 s a block, so that
10,050 blocks would take a quarter of an hour each way: the disk has 200.
"""

import sys

from clients.command import Client, install_or_skip, run

BLOCKS = 200
DRIVER = """
import base64, contextlib, hashlib, io, json, os, sys, tempfile
from awscli.clidriver import create_clidriver

BLOCK = 524288
driver = create_clidriver()

def aws(*words):
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stdout(out):
        status = driver.main([str(word) for word in words])
    out.flush()
    assert status == 0, words
    return json.loads(out.buffer.getvalue() or b"{}")

def upload(image):
    snapshot = aws("ebs", "start-snapshot", "--volume-size", "5")["SnapshotId"]
    digests = []
    with open(image, "rb") as file, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "block")
        while block := file.read(BLOCK):
            digest = hashlib.sha256(block).digest()
            with open(path, "wb") as part:
                part.write(block)
            aws("ebs", "put-snapshot-block", "--snapshot-id", snapshot, "--block-index",
                len(digests), "--block-data", path, "--data-length", BLOCK, "--checksum",
                base64.b64encode(digest).decode(), "--checksum-algorithm", "SHA256")
            digests.append(digest)
    whole = base64.b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()
    aws("ebs", "complete-snapshot", "--snapshot-id", snapshot, "--changed-blocks-count",
        len(digests), "--checksum", whole, "--checksum-algorithm", "SHA256",
        "--checksum-aggregation-method", "LINEAR")
    print(snapshot)

def download(snapshot, target):
    token = []
    with open(target, "wb") as file, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "block")
        while True:
            page = aws("ebs", "list-snapshot-blocks", "--snapshot-id", snapshot, *token)
            for item in page["Blocks"]:
                aws("ebs", "get-snapshot-block", "--snapshot-id", snapshot, "--block-index",
                    item["BlockIndex"], "--block-token", item["BlockToken"], path)
                with open(path, "rb") as part:
                    os.pwrite(file.fileno(), part.read(), item["BlockIndex"] * BLOCK)
            if not page.get("NextToken"):
                return
            token = ["--next-token", page["NextToken"]]

{"upload": upload, "download": download}[sys.argv[1]](*sys.argv[2:])
"""


def install(folder):
    python = folder / "environment" / "bin" / "python"
    run([sys.executable, "-m", "venv", folder / "environment"])
    install_or_skip([python, "-m", "pip", "install", "--quiet", "awscli"])
    version = run([python, "-m", "awscli", "--version"]).strip()
    driver = folder / "driver.py"
    driver.write_text(DRIVER)
    return Client(version, (str(python), str(driver)), blocks=BLOCKS)

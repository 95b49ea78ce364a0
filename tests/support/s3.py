"""An S3 that nobody here wrote (moto's), on loopback; and one in memory that fails as told."""

import contextlib
import hashlib
import os

import boto3
from moto.server import ThreadedMotoServer

from bulkput.store.object_store import ABSENT, ConditionFailedError, ListedObject, StoredObject

BUCKET = "states"


class MotoS3:
    """Serves until ``close``; conditional writes work, as in S3."""

    def __init__(self):
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        self.url = "http://{}:{}".format(*self._server.get_host_and_port())
        self.client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="AKIAMOTO",
            aws_secret_access_key="secret",
        )
        self.client.create_bucket(Bucket=BUCKET)

    def keys(self, prefix=""):
        listed = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for each in listed.get("Contents", ())]

    def read(self, key):
        return self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def write(self, key, content):
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def remove(self, key):
        self.client.delete_object(Bucket=BUCKET, Key=key)

    def empty(self):
        for key in self.keys():
            self.remove(key)

    def close(self):
        self.client.close()
        self._server.stop()


@contextlib.contextmanager
def moto_s3():
    server = MotoS3()
    try:
        yield server
    finally:
        server.close()


class MemoryStore:
    """An object store in memory: atomic conditional writes, times by a clock that is handed in."""

    shown = "s3://memory/states"

    def __init__(self, now_s=lambda: 0.0):
        self.objects = {}
        """Key to content, ETag and time."""
        self.fails = []
        """Errors to raise, one for each call to come; None lets a call through."""
        self.requests = []
        self._now_s = now_s
        self._writes = 0

    def _meet(self, operation, key):
        self.requests.append((operation, key))
        if self.fails:
            error = self.fails.pop(0)
            if error is not None:
                raise error

    async def get(self, key, *, size_max_bytes):
        self._meet("get", key)
        if key not in self.objects:
            return None
        content, etag, written_s = self.objects[key]
        return StoredObject(content, etag, self._now_s() - written_s)

    async def get_part(self, key, start, stop, etag):
        self._meet("get", key)
        if key not in self.objects:
            return None
        content, found, _ = self.objects[key]
        assert etag in {None, found}
        return StoredObject(content[start:stop], found, None)

    async def put(self, key, content, *, if_match=None, digest=None):
        self._meet("put", key)
        return self.store(key, bytes(content), if_match)

    def store(self, key, content, if_match=None):
        found = self.objects.get(key)
        if if_match is not None and if_match != (ABSENT if found is None else found[1]):
            raise ConditionFailedError(key)
        self._writes += 1
        etag = f'"{hashlib.md5(content).hexdigest()}-{self._writes}"'
        self.objects[key] = (content, etag, self._now_s())
        return etag

    async def delete(self, key):
        self._meet("delete", key)
        self.objects.pop(key, None)

    async def list_objects(self, prefix):
        self._meet("list", prefix)
        for key in sorted(self.objects):
            if key.startswith(prefix):
                content, _, written_s = self.objects[key]
                yield ListedObject(key, len(content), self._now_s() - written_s)


def environment(url, bucket=BUCKET, prefix="bulkput"):
    """Return the variables that lead the program's state there."""
    return {
        "AWS_ENDPOINT_URL_S3": url,
        "BULKPUT_STATE_STORE": f"s3://{bucket}/{prefix}",
        "BULKPUT_STORE_INTERVAL": os.environ.get("BULKPUT_STORE_INTERVAL", "1s"),
    }

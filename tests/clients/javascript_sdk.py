"""The AWS SDK for JavaScript, version 3, on node."""

import json

from clients.command import Client, install_or_skip, need, run

PACKAGE = "@aws-sdk/client-ebs"
PROGRAM = r"""
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { EBS } from "@aws-sdk/client-ebs";

const BLOCK = 524288, WORKERS = 8;
const ebs = new EBS({});
const sha256 = (data) => createHash("sha256").update(data).digest();

async function each(count, work) {
  let next = 0;
  const worker = async () => { while (next < count) await work(next++); };
  await Promise.all(Array.from({ length: WORKERS }, worker));
}

async function upload(image) {
  const file = await open(image);
  const count = (await file.stat()).size / BLOCK;
  const { SnapshotId } = await ebs.startSnapshot({ VolumeSize: 5 });
  const digests = new Array(count);
  await each(count, async (BlockIndex) => {
    const BlockData = Buffer.alloc(BLOCK);
    await file.read(BlockData, 0, BLOCK, BlockIndex * BLOCK);
    digests[BlockIndex] = sha256(BlockData);
    const Checksum = digests[BlockIndex].toString("base64");
    await ebs.putSnapshotBlock({ SnapshotId, BlockIndex, BlockData, DataLength: BLOCK, Checksum,
      ChecksumAlgorithm: "SHA256" });
  });
  const Checksum = sha256(Buffer.concat(digests)).toString("base64");
  await ebs.completeSnapshot({ SnapshotId, ChangedBlocksCount: count, Checksum,
    ChecksumAlgorithm: "SHA256", ChecksumAggregationMethod: "LINEAR" });
  console.log(SnapshotId);
}

async function download(SnapshotId, path) {
  const file = await open(path, "w");
  let NextToken;
  do {
    const page = await ebs.listSnapshotBlocks({ SnapshotId, NextToken });
    await each(page.Blocks.length, async (at) => {
      const { BlockIndex, BlockToken } = page.Blocks[at];
      const got = await ebs.getSnapshotBlock({ SnapshotId, BlockIndex, BlockToken });
      const data = await got.BlockData.transformToByteArray();
      await file.write(data, 0, BLOCK, BlockIndex * BLOCK);
    });
    NextToken = page.NextToken;
  } while (NextToken);
}

await { upload, download }[process.argv[2]](...process.argv.slice(3));
"""


def install(folder):
    node, npm = need("node"), need("npm")
    (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    (folder / "client.js").write_text(PROGRAM)
    install_or_skip([npm, "install", "--no-audit", "--no-fund", PACKAGE], cwd=folder)
    manifest = json.loads((folder / "node_modules" / PACKAGE / "package.json").read_text())
    version = f"node {run([node, '--version']).strip()}, {PACKAGE} {manifest['version']}"
    return Client(version, (node, str(folder / "client.js")))

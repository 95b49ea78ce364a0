"""The AWS SDK for Go, version 2, built with the newest modules that the proxy has."""

import re

from clients.command import Client, install_or_skip, need, run

MODULE = "github.com/aws/aws-sdk-go-v2"
PROGRAM = r"""
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"
)

const block, workers = 524288, 8

var ctx = context.Background()

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

// each calls work for 0 to count-1, eight at a time.
func each(count int, work func(int)) {
	var group sync.WaitGroup
	slots := make(chan bool, workers)
	for index := range count {
		slots <- true
		group.Add(1)
		go func() { work(index); <-slots; group.Done() }()
	}
	group.Wait()
}

func upload(client *ebs.Client, file *os.File) {
	count := int(must(file.Stat()).Size() / block)
	started := must(client.StartSnapshot(ctx, &ebs.StartSnapshotInput{VolumeSize: aws.Int64(5)}))
	digests := make([]byte, count*32)
	each(count, func(index int) {
		data := make([]byte, block)
		must(file.ReadAt(data, int64(index)*block))
		digest := sha256.Sum256(data)
		copy(digests[index*32:], digest[:])
		must(client.PutSnapshotBlock(ctx, &ebs.PutSnapshotBlockInput{
			SnapshotId: started.SnapshotId, BlockIndex: aws.Int32(int32(index)),
			BlockData: bytes.NewReader(data), DataLength: aws.Int32(block),
			Checksum:          aws.String(base64.StdEncoding.EncodeToString(digest[:])),
			ChecksumAlgorithm: types.ChecksumAlgorithmChecksumAlgorithmSha256,
		}))
	})
	whole := sha256.Sum256(digests)
	must(client.CompleteSnapshot(ctx, &ebs.CompleteSnapshotInput{
		SnapshotId: started.SnapshotId, ChangedBlocksCount: aws.Int32(int32(count)),
		Checksum:                  aws.String(base64.StdEncoding.EncodeToString(whole[:])),
		ChecksumAlgorithm:         types.ChecksumAlgorithmChecksumAlgorithmSha256,
		ChecksumAggregationMethod: types.ChecksumAggregationMethodChecksumAggregationLinear,
	}))
	fmt.Println(*started.SnapshotId)
}

func download(client *ebs.Client, snapshot string, file *os.File) {
	pages := ebs.NewListSnapshotBlocksPaginator(client,
		&ebs.ListSnapshotBlocksInput{SnapshotId: &snapshot})
	for pages.HasMorePages() {
		blocks := must(pages.NextPage(ctx)).Blocks
		each(len(blocks), func(at int) {
			got := must(client.GetSnapshotBlock(ctx, &ebs.GetSnapshotBlockInput{
				SnapshotId: &snapshot, BlockIndex: blocks[at].BlockIndex,
				BlockToken: blocks[at].BlockToken,
			}))
			data := must(io.ReadAll(got.BlockData))
			must(file.WriteAt(data, int64(*blocks[at].BlockIndex)*block))
		})
	}
}

func main() {
	client := ebs.NewFromConfig(must(config.LoadDefaultConfig(ctx)))
	if os.Args[1] == "upload" {
		upload(client, must(os.Open(os.Args[2])))
	} else {
		download(client, os.Args[2], must(os.Create(os.Args[3])))
	}
}
"""


def install(folder):
    go = need("go")
    (folder / "main.go").write_text(PROGRAM)
    run([go, "mod", "init", "client"], cwd=folder)
    modules = (f"{MODULE}/config", f"{MODULE}/service/ebs")
    install_or_skip([go, "get", *modules], cwd=folder)
    run([go, "build", "-o", "client", "."], cwd=folder)
    (found,) = re.findall(r"service/ebs (\S+)", (folder / "go.mod").read_text())
    version = f"{run([go, 'version']).strip()}, {MODULE}/service/ebs {found}"
    return Client(version, (str(folder / "client"),))

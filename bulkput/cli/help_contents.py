"""What ``--help`` lists: which commands and flags belong together, and examples of each command."""

from collections.abc import Mapping

COMMAND_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "To begin": ("init", "check", "bench", "plan", "help"),
    "From disks to snapshots": ("upload", "run", "fleet", "copy"),
    "From snapshots to disks": ("download", "verify", "diff"),
    "From snapshots to images": ("publish", "image"),
    "What is under way": ("status", "jobs", "report", "abort", "gc"),
    "What is kept": ("ledger", "manifest", "store"),
    "Around it": ("config", "emulator", "install-service", "completion"),
}
"""Each command is in one section: checked by test."""

OTHER_FLAGS = "Options"
FLAG_SECTIONS: Mapping[str, frozenset[str]] = {
    OTHER_FLAGS: frozenset(),
    "The snapshot": frozenset(
        {
            *("--volume-size-gib", "--description", "--tag", "--kms-key-arn", "--encrypted"),
            *("--parent", "--parent-manifest", "--series", "--client-token", "--timeout-min"),
            "--zeros",
        }
    ),
    "The source": frozenset(
        {"--format", "--allow-backing-file", "--allow-mounted", "--allow-trailing-data"}
    ),
    "How it ends, and how it goes on": frozenset(
        {
            *("--resume", "--on-failure", "--allow-changing-source", "--no-wait"),
            *("--verify", "--verify-sample"),
        }
    ),
    "What becomes of the snapshot": frozenset(
        {
            *("--copy-to", "--share", "--public", "--yes-public", "--create-volume"),
            *("--deprecate-after", "--keep", "--ssm-parameter", "--replace"),
            *("--fast-restore", "--lock", "--lock-days"),
        }
    ),
    "Which volumes of the job": frozenset(
        {
            *("--only", "--except", "--set", "--allow-command", "--fresh", "--rerun-failed"),
            "--shard",
        }
    ),
    "When, and how many at a time": frozenset(
        {
            *("--parallel", "--processes", "--order", "--on-error", "--max-duration", "--window"),
            "--quota-share",
        }
    ),
    "The service": frozenset({"--region", "--profile", "--endpoint-url"}),
    "What is shown and recorded": frozenset(
        {
            *("--output", "--quiet", "--verbose", "--result", "--events", "--log-file"),
            *("--progress-interval", "--metrics-listen", "--metrics-textfile", "--report"),
        }
    ),
    "Settings and state": frozenset({"--config", "--state-dir", "--state-store"}),
}
"""The sections in their order; a flag that is in none is a command's own, and comes first."""

EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "init": (
        ("A job file with every key", "bulkput init aws"),
        ("The IAM policy of uploads", "bulkput init iam/upload"),
    ),
    "run": (
        ("Run a job, or go on with it", "bulkput run job.yaml"),
        (
            "Only its web servers, with a log",
            "bulkput run job.yaml --only 'web-*' --log-file j.log",
        ),
        ("What it would put and cost", "bulkput run job.yaml --dry-run"),
    ),
    "fleet run": (
        ("On this machine, to try it", "bulkput fleet run job.yaml --address local"),
        ("On the cluster of this machine", "bulkput fleet run job.yaml"),
    ),
    "fleet status": (("Hosts, and what they do", "bulkput fleet status"),),
    "fleet cancel": (("Stop the run of a job", "bulkput fleet cancel migration"),),
    "fleet host": (
        ("Begin a cluster", "bulkput fleet host --head"),
        (
            "Join it, as a host of a rack",
            "bulkput fleet host --address 10.0.0.5:6379 --label rack=7",
        ),
    ),
    "fleet logs": (("Why a volume failed", "bulkput fleet logs web-01"),),
    "upload": (
        ("A disk image, read back at the end", "bulkput upload disk.qcow2 --verify"),
        ("An increment of an earlier snapshot", "bulkput upload disk.img --parent snap-0123abcd"),
        (
            "A compressed disk from a pipe",
            "zstdcat disk.zst | bulkput upload - --volume-size-gib 8",
        ),
        ("A rehearsal without AWS", "bulkput upload disk.img --endpoint-url embedded"),
    ),
    "publish": (
        ("What a job asks for, again", "bulkput publish job.yaml"),
        (
            "For a snapshot that was made elsewhere",
            "bulkput publish job.yaml --snapshot web=snap-0123abcd",
        ),
    ),
    "image register": (
        ("As the disk shows", "bulkput image register snap-0123abcd --name web-1"),
        (
            "In another Region too",
            "bulkput image register snap-0123abcd --name web-1 --copy-to eu-west-1",
        ),
    ),
    "image list": (("Of one family", "bulkput image list --family web"),),
    "image prune": (
        ("What would go", "bulkput image prune --family web --keep 3"),
        ("Delete it", "bulkput image prune --family web --keep 3 --older-than 90d --yes"),
    ),
    "copy": (
        ("To another Region", "bulkput copy snap-0123abcd --to-region eu-west-1"),
        ("To another account", "bulkput copy snap-0123abcd --to-profile backup"),
    ),
    "plan": (
        ("Puts and price of one disk", "bulkput plan disk.img"),
        ("Of a job, by file sizes alone", "bulkput plan job.yaml --fast"),
    ),
    "check": (
        ("Credentials, permissions and quotas", "bulkput check --region eu-central-1"),
        ("And all that a job needs", "bulkput check job.yaml"),
    ),
    "bench": (
        ("This host, and a disk of it", "bulkput bench --source /dev/nvme1n1"),
        ("And the way to a Region", "bulkput bench --region eu-central-1"),
        ("The service, by a snapshot that is deleted", "bulkput bench --snapshot"),
    ),
    "verify": (
        ("Against the disk that it was made of", "bulkput verify snap-0123abcd --source disk.img"),
        ("A sample, against the manifest", "bulkput verify snap-0123abcd --sample 10GiB"),
    ),
    "download": (
        ("To a sparse file", "bulkput download snap-0123abcd disk.img"),
        (
            "Only what changed, into an older copy",
            "bulkput download snap-4567abcd disk.img --changed-since snap-0123abcd",
        ),
    ),
    "diff": (("What changed", "bulkput diff snap-0123abcd snap-4567abcd"),),
    "status": (("How far a job is", "bulkput status job.yaml"),),
    "report": (("A page of a run, from its events", "bulkput report events.jsonl -o run.html"),),
    "jobs": (("What is unfinished here", "bulkput jobs"),),
    "abort": (("Delete an unfinished upload", "bulkput abort snap-0123abcd"),),
    "gc": (
        ("List orphans, delete nothing", "bulkput gc --region eu-central-1"),
        ("Delete those that are a week old", "bulkput gc --older-than 7d --yes"),
    ),
    "store ls": (
        ("What other machines can go on with", "bulkput store ls --state-store s3://bucket/prefix"),
    ),
    "store verify": (
        ("Whether all of it is whole", "bulkput store verify --state-store s3://bucket/prefix"),
    ),
    "store prune": (
        (
            "What is over for a month",
            "bulkput store prune --state-store s3://bucket/prefix --older-than 30d",
        ),
    ),
    "ledger show": (("What is in the snapshot so far", "bulkput ledger show snap-0123abcd"),),
    "ledger verify": (("Whether the record is whole", "bulkput ledger verify snap-0123abcd"),),
    "manifest show": (("What a snapshot contains", "bulkput manifest show snap-0123abcd"),),
    "manifest verify": (("Whether it is whole", "bulkput manifest verify snap-0123abcd"),),
    "config check": (("Every mistake, with its line", "bulkput config check job.yaml"),),
    "config show": (("All values in force", "bulkput config show job.yaml"),),
    "config schema": (("For an editor", "bulkput config schema > bulkput.schema.json"),),
    "emulator": (
        ("With snapshots that stay", "bulkput emulator --root snapshots --port 8080"),
        ("To paste into a shell", "bulkput emulator --root snapshots --port 8080 --env"),
    ),
    "install-service": (
        ("Look at the units of a job", "bulkput install-service nightly.yaml --dry-run"),
        ("Every night", "bulkput install-service nightly.yaml --on-calendar '*-*-* 02:00'"),
    ),
    "help": (
        ("A page of the manual", "bulkput help increments"),
        ("A key of the job file", "bulkput help volumes[].zeros"),
    ),
    "completion": (
        ("For this shell", 'eval "$(bulkput completion bash)"'),
        (
            "For every bash",
            "bulkput completion bash > ~/.local/share/bash-completion/completions/bulkput",
        ),
    ),
}
"""By the words that call a command: what an example does, and the example."""

"""The summary at the end, for people: what became of each volume.

Owns the layout. Pure: returns text, and prints nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.disk_format import decoder_of
from bulkput.model.duration import format_duration
from bulkput.model.image_outcome import ImageOutcome
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.size import format_size
from bulkput.observe.plain import one_line
from bulkput.observe.wording import counted

_SETTLED = (
    ("put", "put"),
    ("resumed", "resumed from an earlier run"),
    ("unchanged", "unchanged since the parent"),
    ("skipped_zero", "skipped as zeros"),
    ("skipped_hole", "skipped as holes"),
)
_VERIFIED = {
    "full": "read back, every byte equal to the source",
    "sample": "a random sample read back, every byte of it equal to the source",
    None: "not read back",
}
_PARAGRAPHS_MAX = 20
"""Of nine lines each: what one looks through, and not what one scrolls past."""
_LABEL_COLUMNS = 10


def summary(outcomes: Sequence[VolumeOutcome]) -> str:
    """Return a paragraph for each volume, with the errors of those that failed.

    Of many volumes, those that went well have a line each.
    """
    if len(outcomes) <= _PARAGRAPHS_MAX:
        return "".join(_paragraph(outcome, alone=len(outcomes) == 1) for outcome in outcomes)
    return "".join(
        _paragraph(outcome, alone=False)
        if outcome.error
        else one_line(f"{outcome.volume}: {outcome.snapshot_id} {outcome.status}") + "\n"
        for outcome in outcomes
    )


def _paragraph(outcome: VolumeOutcome, *, alone: bool) -> str:
    snapshot = f" {outcome.snapshot_id}" if outcome.snapshot_id else ""
    rows = [("source", outcome.source)]
    if outcome.source_format not in {None, "raw"}:
        rows.append(("format", f"{outcome.source_format}, decoded while it was read"))
    if outcome.host is not None:
        rows.append(("host", outcome.host))
    if outcome.volume_size_gib is not None:
        rows.append(("volume", f"{outcome.volume_size_gib:,} GiB"))
    is_uploaded = bool(outcome.blocks)  # not so of snapshots that are only published
    if is_uploaded and (
        outcome.snapshot_id or not outcome.exit_code
    ):  # else nothing has begun that could be reported
        rows += [
            ("blocks", _blocks(outcome.blocks)),
            ("time", _time(outcome)),
            ("puts", _puts(outcome.puts)),
        ]
    rows += published_rows(outcome.published)
    if outcome.checksum:
        rows.append(("checksum", f"{outcome.checksum} (SHA256, LINEAR)"))
    if is_uploaded and not outcome.exit_code:
        rows.append(("verified", _verified(outcome)))
    rows += [("note", note) for note in outcome.notes]
    # Alone, the error is the program's last sentence anyway.
    if outcome.error and not alone:
        rows.append(("error", outcome.error))
    head = one_line(f"{outcome.volume}:{snapshot} {outcome.status}")
    body = "".join(f"  {label:<{_LABEL_COLUMNS}}{one_line(text)}\n" for label, text in rows)
    return f"{head}\n{body}"


def published_rows(published: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what was made of a snapshot, a row for each: a label and what there is."""
    rows = [("copy", f"{each} in {region}") for region, each in published.get("copies", {}).items()]
    if "volume_id" in published:
        rows.append(("made", f"the volume {published['volume_id']}"))
    if "shared_with" in published:
        rows.append(("shared", f"with {', '.join(published['shared_with'])}"))
    if "locked" in published:
        rows.append(("locked", published["locked"]))
    if "fast_restore" in published:
        zones = [f"{zone} ({state})" for zone, state in published["fast_restore"].items()]
        rows.append(("restore", f"fast in {', '.join(zones)}"))
    return rows


def image_summary(images: Sequence[ImageOutcome]) -> str:
    """Return a paragraph for each image, with the id in each Region."""
    return "".join(_image_paragraph(image) for image in images)


def _image_paragraph(image: ImageOutcome) -> str:
    rows = [("image", f"{image_id} in {region}") for region, image_id in image.images.items()]
    if image.boot_mode is not None:
        rows.append(("boots", f"{image.architecture}, {image.boot_mode}"))
    if image.ssm_parameter is not None:
        rows.append(("parameter", image.ssm_parameter))
    if image.pruned:
        rows.append(("deleted", ", ".join(image.pruned)))
    rows += [("note", note) for note in image.notes]
    body = "".join(f"  {label:<{_LABEL_COLUMNS}}{one_line(text)}\n" for label, text in rows)
    return f"{one_line(f'image {image.name}: {image.status}')}\n{body}"


def _verified(outcome: VolumeOutcome) -> str:
    words = _VERIFIED.get(outcome.verified, str(outcome.verified))
    decoder = decoder_of(outcome.source_format)
    return words if decoder is None or not outcome.verified else f"{words} as {decoder} decodes it"


def _blocks(blocks: dict[str, int]) -> str:
    total = blocks.get("total", 0)
    settled = [f"{blocks[key]:,} {word}" for key, word in _SETTLED if blocks.get(key)]
    size = format_size(total * BLOCK_SIZE_BYTES)
    return f"{', '.join(settled) or 'none put'}; {total:,} in all ({size})"


def _time(outcome: VolumeOutcome) -> str:
    put_bytes = outcome.blocks.get("put", 0) * BLOCK_SIZE_BYTES
    took = format_duration(outcome.elapsed_s)
    if not put_bytes or outcome.upload_s <= 0:
        return took
    mib_per_s = put_bytes / (1 << 20) / outcome.upload_s
    uploading = format_duration(outcome.upload_s)
    return f"{took}, {uploading} of it uploading: {mib_per_s:,.1f} MiB/s put on average"


def _puts(puts: dict[str, int]) -> str:
    return ", ".join(
        (
            f"{puts.get('attempts', 0):,} sent",
            counted(puts.get("retried", 0), "retry", "retries"),
            counted(puts.get("throttled", 0), "throttle"),
        )
    )

"""The section `source` of a volume: what is read, and how."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bulkput.config.naming import shown_source
from bulkput.config.paths import SourcePlace
from bulkput.config.quantity import Size
from bulkput.config.section import Section
from bulkput.model.disk_format import FormatChoice


def _exclusive_source(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [
        {
            "required": [chosen],
            "properties": {chosen: {"not": {"type": "null"}}, other: {"type": "null"}},
        }
        for chosen, other in (("path", "sample"), ("sample", "path"))
    ]


def _path_or_section(schema: dict[str, Any]) -> None:
    _exclusive_source(schema)
    section = dict(schema)
    schema.clear()
    path = {"type": "string", "minLength": 1, "maxLength": 4095, "description": "The path."}
    schema["anyOf"] = [path, section]


class SourceSettings(Section, json_schema_extra=_path_or_section):
    """What is read. A plain text instead of the section is its `path`."""

    path: SourcePlace | None = Field(
        default=None,
        description="The disk image or block device (`~` is the home folder; a relative path "
        "starts from the folder of the configuration file), `s3://bucket/key`, an "
        "`https://` address, or `-` for standard input.",
    )
    # ext4 with a journal needs 8 MiB.
    sample_bytes: Annotated[int, Size(8 << 20, 64 << 30)] | None = Field(
        default=None,
        alias="sample",
        validate_default=True,
        description="Instead of reading `path`, make a sample disk image of about this size. "
        "Only with `endpoint: embedded`.",
    )
    # Sending qcow2 and the like as raw is the commonest mistake, so content is looked at.
    format: FormatChoice = Field(
        default="auto",
        description="Format of the source. `auto` detects it by the content and refuses archives; "
        "`raw` takes every file as it is; any other value must match the content. `gzip`, `xz` "
        "and `zstd` are a compressed raw disk and need `volume_size_gib`; images from `qcow2` to "
        "`vdi` need QEMU's `qemu-nbd`.",
    )
    # Off: an image decides what it names, and who reads it should.
    allow_backing_file: bool = Field(
        default=False,
        description="Allow a qcow2 image to read the backing files that its header names.",
    )
    # What is written while it is read makes a disk that never was.
    allow_mounted: bool = Field(
        default=False,
        description="Read the source even if others may write to it: a device that is mounted or "
        "otherwise in use, a file that a program has open for writing, has locked, or that is "
        "attached as a loop device.",
    )
    # Off: what follows a compressed disk may be the rest of it, which a copy spoiled.
    allow_trailing_data: bool = Field(
        default=False,
        description="Accept other data after the end of a gzip, xz or zstd stream, and leave it "
        "out. Padding with zeros is always accepted.",
    )
    reader: Literal["auto", "mmap", "preadv"] = Field(
        default="auto",
        description="How the source is read: `mmap` (memory maps, no copy) or `preadv` (into "
        "pooled buffers). `auto` uses maps where the kernel has MADV_POPULATE_READ.",
    )

    @property
    def shown(self) -> str:
        """What it is called wherever it is reported."""
        return shown_source(self.path)

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @field_validator("sample_bytes")
    @classmethod
    def _path_or_sample(cls, sample_bytes: int | None, info: ValidationInfo) -> int | None:
        if "path" in info.data and (info.data["path"] is None) == (sample_bytes is None):
            raise ValueError("expected exactly one of `path` and `sample`")
        return sample_bytes

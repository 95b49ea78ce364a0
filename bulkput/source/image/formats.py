"""The image formats that are read through QEMU: one table."""

from typing import Literal

ImageFormat = Literal["qcow2", "vmdk", "vhd", "vhdx", "vdi"]

DRIVERS: dict[ImageFormat, str] = {
    "qcow2": "qcow2",
    "vmdk": "vmdk",
    "vhd": "vpc",
    "vhdx": "vhdx",
    "vdi": "vdi",
}
"""QEMU's name of each."""

"""The image formats that are read through QEMU: one table."""

from bulkput.model.disk_format import ImageFormat

DRIVERS: dict[ImageFormat, str] = {
    "qcow2": "qcow2",
    "vmdk": "vmdk",
    "vhd": "vpc",
    "vhdx": "vhdx",
    "vdi": "vdi",
}
"""QEMU's name of each."""

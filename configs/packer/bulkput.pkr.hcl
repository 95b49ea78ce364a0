# An image that Packer builds with QEMU becomes a snapshot of AWS, without S3 and without VM Import:
# bulkput puts the qcow2 as a post-processor. The rest of the build is yours.
#
#   packer init . && packer build .

packer {
  required_plugins {
    qemu = {
      source  = "github.com/hashicorp/qemu"
      version = ">= 1.1.0"
    }
  }
}

variable "region" {
  type    = string
  default = "eu-central-1"
}

source "qemu" "debian" {
  iso_url          = "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2"
  iso_checksum     = "file:https://cloud.debian.org/images/cloud/bookworm/latest/SHA512SUMS"
  disk_image       = true
  format           = "qcow2"
  output_directory = "output"
  vm_name          = "debian.qcow2"
  ssh_username     = "packer"
  ssh_timeout      = "10m"
  shutdown_command = "sudo systemctl poweroff"
}

build {
  sources = ["source.qemu.debian"]

  post-processor "shell-local" {
    # The snapshot's id is all of stdout. Not through a pipe: its end would hide that of bulkput, and
    # a build whose upload failed would be a success.
    inline = [
      "bulkput upload output/debian.qcow2 --region ${var.region} --tag Name=debian --verify > snapshot-id",
      "cat snapshot-id",
    ]
  }
}

# A host that runs one job, and is replaced when its spot instance is taken back: a role and instance
# profile, a security group without a way in, and an autoscaling group of one. What was put is kept
# in the state store, so the next instance goes on where the last one was.
#
#   module "migration" {
#     source       = "./terraform"
#     name         = "migration"
#     job          = file("job.yaml")     # with state_store: s3://BUCKET/PREFIX
#     state_bucket = "my-state"
#     images_bucket = "my-images"
#     subnet_ids   = ["subnet-0123456789abcdef0"]
#     vpc_id       = "vpc-0123456789abcdef0"
#   }

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40"
    }
  }
}

variable "name" {
  description = "Name of the role, the group and the instances."
  type        = string
}

variable "job" {
  description = "Content of the job file."
  type        = string
}

variable "vpc_id" {
  type = string
}

variable "subnet_ids" {
  description = "Subnets with a way to the EBS direct APIs: a NAT gateway, or the VPC endpoints."
  type        = list(string)
}

variable "state_bucket" {
  description = "Bucket of the job's state_store."
  type        = string
}

variable "images_bucket" {
  description = "Bucket of the images that are read."
  type        = string
}

variable "instance_types" {
  description = "By preference. Two cores of these hold one snapshot's quota of 1,000 puts/s: 2 s of CPU a GiB."
  type        = list(string)
  default     = ["c7g.large", "c7gn.large", "c6gn.large"]
}

variable "parameter_ami" {
  description = "SSM parameter with the id of the AMI: Debian 12 for arm64."
  type        = string
  default     = "/aws/service/debian/release/12/latest/arm64"
}

variable "volume_gib" {
  description = "Root volume; a qcow2 in S3 is read by ranges, so it needs no room for images."
  type        = number
  default     = 8
}

data "aws_partition" "current" {}
data "aws_region" "current" {}

data "aws_ssm_parameter" "ami" {
  name = var.parameter_ami
}

resource "aws_iam_role" "this" {
  name = var.name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.${data.aws_partition.current.dns_suffix}" }
    }]
  })
}

# The account field of a snapshot's ARN stays empty: with a number in it the policy denies.
resource "aws_iam_role_policy" "upload" {
  name = "bulkput"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "WriteAndVerifySnapshots"
        Effect   = "Allow"
        Action   = ["ebs:StartSnapshot", "ebs:PutSnapshotBlock", "ebs:CompleteSnapshot", "ebs:ListSnapshotBlocks", "ebs:GetSnapshotBlock", "ec2:CreateTags"]
        Resource = "arn:${data.aws_partition.current.partition}:ec2:*::snapshot/*"
      },
      {
        Sid      = "LookAtSnapshots"
        Effect   = "Allow"
        Action   = ["ec2:DescribeSnapshots", "servicequotas:GetServiceQuota"]
        Resource = "*"
      },
      {
        Sid      = "ReadImages"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = "arn:${data.aws_partition.current.partition}:s3:::${var.images_bucket}/*"
      },
      {
        Sid      = "KeepState"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
        Resource = "arn:${data.aws_partition.current.partition}:s3:::${var.state_bucket}/*"
      },
      {
        Sid      = "ListState"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = "arn:${data.aws_partition.current.partition}:s3:::${var.state_bucket}"
      },
      {
        Sid      = "EndTheGroup"
        Effect   = "Allow"
        Action   = ["autoscaling:SetDesiredCapacity"]
        Resource = "arn:${data.aws_partition.current.partition}:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/${var.name}"
      },
    ]
  })
}

# With it `aws ssm start-session` is the way in, where the AMI has Amazon's agent (Debian's has none,
# Ubuntu's and Amazon's have); without it there is none.
resource "aws_iam_role_policy_attachment" "session_manager" {
  role       = aws_iam_role.this.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "this" {
  name = var.name
  role = aws_iam_role.this.name
}

resource "aws_security_group" "this" {
  name        = var.name
  description = "bulkput: nothing comes in, https goes out"
  vpc_id      = var.vpc_id

  egress {
    description      = "EBS direct, EC2, S3, and packages"
    from_port        = 443
    to_port          = 443
    protocol         = "tcp"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }

  egress {
    description = "Debian's packages"
    from_port   = 80
    to_port     = 80
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_launch_template" "this" {
  name_prefix = var.name
  image_id    = data.aws_ssm_parameter.ami.value

  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
  }

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # 2 only if bulkput runs in a container of a bridge network
  }

  network_interfaces {
    security_groups = [aws_security_group.this.id]
  }

  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size = var.volume_gib
      volume_type = "gp3"
      encrypted   = true
    }
  }

  tag_specifications {
    resource_type = "instance"
    tags          = { Name = var.name }
  }

  user_data = base64encode(join("\n", ["#cloud-config", yamlencode({
    package_update = true
    packages       = ["python3-venv", "qemu-utils"]
    write_files = [
      { path = "/etc/bulkput/job.yaml", permissions = "0644", content = var.job },
      { path = "/etc/systemd/system/bulkput-job.service", permissions = "0644", content = local.unit },
    ]
    runcmd = [
      ["python3", "-m", "venv", "/opt/bulkput"],
      ["/opt/bulkput/bin/pip", "install", "--quiet", "bulkput[all]"],
      ["systemctl", "daemon-reload"],
      ["systemctl", "start", "--no-block", "bulkput-job.service"],
    ]
  })]))
}

locals {
  # --rerun-failed: an instance that is started after all is done does nothing. When it is done, the
  # group is set to none with the botocore that bulkput brings along.
  unit = <<-UNIT
    [Unit]
    Description=bulkput job
    Wants=network-online.target
    After=network-online.target
    [Service]
    Type=oneshot
    Environment=AWS_DEFAULT_REGION=${data.aws_region.current.name}
    ExecStart=/opt/bulkput/bin/bulkput run /etc/bulkput/job.yaml --rerun-failed --state-dir /var/lib/bulkput
    ExecStartPost=/opt/bulkput/bin/python -c "import botocore.session as s; s.get_session().create_client('autoscaling').set_desired_capacity(AutoScalingGroupName='${var.name}', DesiredCapacity=0)"
    Restart=on-failure
    RestartPreventExitStatus=1 2 3 4 6 7 8 9
    RestartSec=300
    # Stopped by SIGTERM, as at a spot notice: the next instance goes on.
    SuccessExitStatus=143
    TimeoutStopSec=30
    MemoryMax=1G
  UNIT
}

resource "aws_autoscaling_group" "this" {
  name                = var.name
  min_size            = 0
  desired_capacity    = 1
  max_size            = 1 # one writer a snapshot
  vpc_zone_identifier = var.subnet_ids

  mixed_instances_policy {
    instances_distribution {
      on_demand_percentage_above_base_capacity = 0
      spot_allocation_strategy                 = "capacity-optimized-prioritized"
    }
    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.this.id
        version            = "$Latest"
      }
      dynamic "override" {
        for_each = var.instance_types
        content {
          instance_type = override.value
        }
      }
    }
  }
}

output "role_arn" {
  description = "For the policies of buckets and KMS keys."
  value       = aws_iam_role.this.arn
}

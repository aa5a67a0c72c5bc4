# An image for GPU nodes and gateways: Ubuntu 24.04, NVIDIA's driver, Docker with the
# NVIDIA container toolkit, livedub with its workers and ONNX Runtime's GPU build, the
# CloudWatch agent. It is built and tried on a GPU instance.
#
#   packer validate deploy/packer
#   packer build -var region=eu-west-1 deploy/packer      (from the repository's folder)

variable "region" {
  type        = string
  default     = "us-east-1"
  description = "Where the image is made."
}

variable "copy_to" {
  type        = list(string)
  default     = []
  description = "Further regions that get a copy."
}

variable "instance_type" {
  type        = string
  default     = "g4dn.xlarge"
  description = "A GPU instance: the smoke test uses the GPU."
}

variable "subnet_id" {
  type        = string
  default     = ""
  description = "A subnet with a way to the Internet; empty is the default VPC's."
}

variable "public_address" {
  type        = bool
  default     = true
  description = "Reach the instance by a public address; false: from within the VPC."
}

variable "kms_key_id" {
  type        = string
  default     = ""
  description = "Key of the image's encryption; empty is the account's own for EBS."
}

variable "disk_gb" {
  type    = number
  default = 40
}

variable "driver" {
  type        = string
  default     = "580-server-open"
  description = "Branch of NVIDIA's driver in Ubuntu's archive: ONNX Runtime's build for CUDA 13 needs 580 or newer."
}

variable "models" {
  type        = string
  default     = "whisper-base kokoro"
  description = "Weights that the image carries (livedub models list)."
}

variable "source" {
  type        = string
  default     = "out/ami/livedub.tar.gz"
  description = "Where the repository is packed to."
}

locals {
  stamp = formatdate("YYYYMMDD-hhmm", timestamp())
  tags = {
    Name     = "livedub-gpu-${local.stamp}"
    Software = "livedub"
    Driver   = var.driver
    Base     = "ubuntu-24.04"
  }
}

source "amazon-ebs" "gpu" {
  region                      = var.region
  ami_regions                 = var.copy_to
  ami_name                    = "livedub-gpu-${local.stamp}"
  ami_description             = "livedub on Ubuntu 24.04 with NVIDIA driver ${var.driver}"
  instance_type               = var.instance_type
  subnet_id                   = var.subnet_id
  associate_public_ip_address = var.public_address
  ssh_username                = "ubuntu"
  ssh_timeout                 = "10m"
  ena_support                 = true
  encrypt_boot                = true
  kms_key_id                  = var.kms_key_id
  tags                        = local.tags
  snapshot_tags               = local.tags
  run_tags                    = { Name = "livedub-image-build" }
  run_volume_tags             = { Name = "livedub-image-build" }

  source_ami_filter {
    most_recent = true
    owners      = ["099720109477"] # Canonical
    filters = {
      name                = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
  }

  # Packer 1.6.6 wants both figures for gp3; these are gp3's own.
  launch_block_device_mappings {
    device_name           = "/dev/sda1"
    volume_type           = "gp3"
    volume_size           = var.disk_gb
    throughput            = 125
    iops                  = 3000
    encrypted             = true
    kms_key_id            = var.kms_key_id
    delete_on_termination = true
  }
}

build {
  sources = ["source.amazon-ebs.gpu"]

  # What is committed, and nothing else.
  provisioner "shell-local" {
    inline = ["mkdir -p $(dirname ${var.source})", "git archive --format=tar.gz --output=${var.source} HEAD", "git describe --tags --always >${var.source}.revision"]
  }
  provisioner "file" {
    source      = var.source
    destination = "/tmp/livedub.tar.gz"
    generated   = true
  }
  provisioner "file" {
    source      = "${var.source}.revision"
    destination = "/tmp/livedub.revision"
    generated   = true
  }

  provisioner "shell" {
    inline = ["cloud-init status --wait", "mkdir -p /tmp/livedub", "tar -C /tmp/livedub -xzf /tmp/livedub.tar.gz"]
  }
  provisioner "shell" {
    execute_command   = "sudo env {{ .Vars }} bash {{ .Path }}"
    environment_vars  = ["DRIVER=${var.driver}"]
    script            = "${path.root}/system.sh"
    expect_disconnect = true # it ends with a restart, into the kernel that the driver is for
  }
  provisioner "shell" {
    pause_before     = "30s"
    execute_command  = "sudo env {{ .Vars }} bash {{ .Path }}"
    environment_vars = ["MODELS=${var.models}"]
    script           = "${path.root}/livedub.sh"
  }
  # Whatever fails here makes no image.
  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} bash {{ .Path }}"
    script          = "${path.root}/smoke.sh"
  }
  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} bash {{ .Path }}"
    script          = "${path.root}/clean.sh"
  }

  post-processor "manifest" {
    output     = "out/ami/manifest.json"
    strip_path = true
  }
}

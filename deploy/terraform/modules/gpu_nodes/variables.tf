variable "name" {
  description = "what all names begin with"
  type        = string
}

variable "region" {
  description = "AWS region"
  type        = string
}

variable "ami_id" {
  description = "GPU image with livedub (deploy/packer)"
  type        = string
}

variable "root_device" {
  description = "the image's root device, as it names it: /dev/sda1 (Ubuntu) or /dev/xvda (Amazon Linux)"
  type        = string
  validation {
    condition     = contains(["/dev/sda1", "/dev/xvda"], var.root_device)
    error_message = "root_device is /dev/sda1 or /dev/xvda: another name would add a disk and leave the root's as it is."
  }
}

variable "instance_type" {
  description = "an instance type with an NVIDIA GPU"
  type        = string
  default     = "g4dn.xlarge"
  validation {
    condition     = can(regex("^(g4dn|g5|g6|g6e|p3|p4d|p5)\\.", var.instance_type))
    error_message = "instance_type has an NVIDIA GPU: g4dn, g5, g6, g6e, p3, p4d or p5."
  }
}

variable "min_size" {
  description = "nodes that are always there"
  type        = number
  default     = 1
  validation {
    condition     = var.min_size >= 1
    error_message = "min_size is 1 or more: the first call must not wait for an instance."
  }
}

variable "max_size" {
  description = "nodes at most; behind the load balancer each has a port of its own"
  type        = number
  default     = 5
  validation {
    condition     = var.max_size >= var.min_size && var.max_size <= 40
    error_message = "max_size is min_size to 40: a network load balancer has at most 50 listeners."
  }
}

variable "warm_size" {
  description = "stopped instances that are kept ready while min_size nodes are in service; fewer when more are; 0 is no warm pool"
  type        = number
  default     = 4
  validation {
    condition     = var.warm_size >= 0 && var.warm_size <= var.max_size - var.min_size
    error_message = "warm_size is 0 to max_size less min_size."
  }
}

variable "disk_gb" {
  description = "root disk: system, weights, and what waits for S3 and PostgreSQL"
  type        = number
  default     = 100
  validation {
    condition     = var.disk_gb >= 50 && var.disk_gb <= 2000
    error_message = "disk_gb is 50 to 2000."
  }
}

variable "launch_seconds" {
  description = "how long a new instance may take until its engines are warm"
  type        = number
  default     = 600
  validation {
    condition     = var.launch_seconds >= 120 && var.launch_seconds <= 7200
    error_message = "launch_seconds is 120 to 7200: a heartbeat that fails is tried again within it."
  }
}

variable "drain_seconds" {
  description = "how long a node that leaves may say nothing before it is ended; it extends this as long as it drains"
  type        = number
  default     = 900
  validation {
    condition     = var.drain_seconds >= 120 && var.drain_seconds <= 7200
    error_message = "drain_seconds is 120 to 7200: a heartbeat that fails is tried again within it."
  }
}

variable "used_capacity_target" {
  description = "percent of places in use that target tracking aims at"
  type        = number
  default     = 56
  validation {
    condition     = var.used_capacity_target >= 20 && var.used_capacity_target <= 90
    error_message = "used_capacity_target is 20 to 90."
  }
}

variable "used_capacity_low" {
  description = "percent of places in use below which, for ten minutes, a node is taken away"
  type        = number
  default     = 24
  validation {
    condition     = var.used_capacity_low >= 1 && var.used_capacity_low < var.used_capacity_target
    error_message = "used_capacity_low is 1 to less than used_capacity_target."
  }
}

variable "vpc_id" {
  description = "the VPC"
  type        = string
}

variable "public_subnets" {
  description = "by zone: where the network load balancer is, and nodes with public_media"
  type        = map(string)
}

variable "private_subnets" {
  description = "by zone: where nodes are without public_media"
  type        = map(string)
}

variable "node_group" {
  description = "security group of the nodes"
  type        = string
}

variable "public_media" {
  description = "nodes have a public address instead of a port at the network load balancer"
  type        = bool
  default     = false
}

variable "media_port" {
  description = "UDP and TCP port of media; behind the load balancer the first of max_size ports"
  type        = number
}

variable "environment" {
  description = "user data: what a node is started with, KEY=value, no secrets"
  type        = map(string)
}

variable "secret_arns" {
  description = "the secrets that nodes may read"
  type        = list(string)
}

variable "bucket_arn" {
  description = "the bucket of recordings"
  type        = string
}

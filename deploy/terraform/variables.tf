variable "name" {
  description = "what all names begin with, and cluster.name"
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name is 3 to 20 small letters, digits and single hyphens, as livedub-prod."
  }
}

variable "region" {
  description = "AWS region, as eu-central-1; the same as the provider's"
  type        = string
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is an AWS region, as eu-central-1."
  }
}

variable "zones" {
  description = "two or three availability zones of the region that have the GPU instance type"
  type        = list(string)
}

variable "cidr" {
  description = "the VPC's addresses"
  type        = string
  default     = "10.20.0.0/16"
}

variable "single_nat" {
  description = "one NAT gateway for all zones"
  type        = bool
  default     = false
}

variable "host" {
  description = "the name that people open, as dub.example.com"
  type        = string
  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.host))
    error_message = "host is a DNS name, as dub.example.com."
  }
}

variable "certificate_arn" {
  description = "certificate of ACM for host, in the same region"
  type        = string
}

variable "node_ami" {
  description = "GPU image of deploy/packer"
  type        = string
  validation {
    condition     = can(regex("^ami-[0-9a-f]{8,17}$", var.node_ami))
    error_message = "node_ami is an AMI's ID, as ami-0123456789abcdef0."
  }
}

variable "gateway_ami" {
  description = "image with bin/gateway; empty is node_ami, which has it too"
  type        = string
  default     = ""
  validation {
    condition     = var.gateway_ami == "" || can(regex("^ami-[0-9a-f]{8,17}$", var.gateway_ami))
    error_message = "gateway_ami is an AMI's ID, or empty."
  }
}

variable "root_device" {
  description = "the images' root device: /dev/sda1 (Ubuntu) or /dev/xvda (Amazon Linux)"
  type        = string
  default     = "/dev/sda1"
}

variable "instance_type" {
  description = "GPU instance type of the nodes"
  type        = string
  default     = "g4dn.xlarge"
}

variable "nodes" {
  description = "min and max nodes in service; warm are stopped ones, kept ready while min are in service"
  type = object({
    min  = optional(number, 1)
    max  = optional(number, 5)
    warm = optional(number, 4)
  })
  default = {}
}

variable "gateways" {
  description = "how many gateways"
  type        = number
  default     = 2
}

variable "public_media" {
  description = "nodes in public subnets with only the media port open, instead of private ones behind a network load balancer"
  type        = bool
  default     = false
}

variable "media_port" {
  description = "UDP and TCP port of media; behind the load balancer the first of nodes.max ports"
  type        = number
  default     = 8443
  validation {
    condition     = var.media_port >= 1024 && var.media_port <= 65000 && var.media_port != 8080
    error_message = "media_port is 1024 to 65000, and not 8080, which is HTTP's."
  }
}

variable "record" {
  description = "what is recorded of every session: none, dubs or all"
  type        = string
  default     = "none"
  validation {
    condition     = contains(["none", "dubs", "all"], var.record)
    error_message = "record is none, dubs or all."
  }
}

variable "ice_servers" {
  description = "STUN servers that clients are told of, beside turn"
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for s in var.ice_servers : startswith(s, "stun:")])
    error_message = "ice_servers are stun:HOST[:PORT]; user data is no place for the secret of a TURN server."
  }
}

variable "turn" {
  description = "a TURN server for those who reach no media port (modules/turn); null is none"
  type = object({
    host            = string
    certificate_arn = string
    secret_arn      = string
    instance_type   = optional(string, "t3.small")
  })
  default = null
}

variable "bastion" {
  description = "see modules/network; without an ami there is none"
  type = object({
    ami           = optional(string, "")
    instance_type = optional(string, "t3.micro")
    ssh           = optional(bool, false)
    ssh_sources   = optional(list(string), [])
    key_name      = optional(string)
  })
  default = {}
}

variable "postgres" {
  description = "see modules/data"
  type = object({
    instance_class = optional(string, "db.t4g.medium")
    storage_gb     = optional(number, 50)
    multi_az       = optional(bool, true)
    backup_days    = optional(number, 14)
  })
  default = {}
}

variable "redis" {
  description = "see modules/data"
  type = object({
    node_type = optional(string, "cache.t4g.small")
    nodes     = optional(number, 2)
  })
  default = {}
}

variable "cluster_secret_arn" {
  description = "Secrets Manager's secret that gateways and nodes share (modules/secrets)"
  type        = string
  validation {
    condition     = startswith(var.cluster_secret_arn, "arn:aws") && strcontains(var.cluster_secret_arn, ":secretsmanager:")
    error_message = "cluster_secret_arn is the ARN of a secret in Secrets Manager."
  }
}

variable "redis_token" {
  description = "what Redis asks of its clients (modules/secrets)"
  type        = string
  sensitive   = true
}

variable "alarm_email" {
  description = "who is told of alarms; empty is nobody"
  type        = string
  default     = ""
}

variable "high_gpu_alarm" {
  description = "name of the alarm on GPUUtilization; a second installation in one account and region needs another"
  type        = string
  default     = "HighGPU"
}

variable "protect" {
  description = "refuse to delete database and load balancer, keep a last snapshot and all recordings"
  type        = bool
  default     = true
}

variable "name" {
  description = "what all names begin with"
  type        = string
}

variable "region" {
  description = "AWS region"
  type        = string
}

variable "ami_id" {
  description = "image with coturn (deploy/packer)"
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
  description = "it copies packets: what counts is its network"
  type        = string
  default     = "t3.small"
}

variable "host" {
  description = "the name that clients are told, a CNAME of the load balancer"
  type        = string
  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.host))
    error_message = "turn.host is a DNS name, as turn.example.com."
  }
}

variable "certificate_arn" {
  description = "certificate of ACM for host"
  type        = string
  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+$", var.certificate_arn))
    error_message = "turn.certificate_arn is the ARN of a certificate of ACM, in the same region."
  }
}

variable "secret_arn" {
  description = "the secret that it shares with nodes (modules/secrets, turn)"
  type        = string
  validation {
    condition     = startswith(var.secret_arn, "arn:aws") && strcontains(var.secret_arn, ":secretsmanager:")
    error_message = "turn.secret_arn is the ARN of a secret in Secrets Manager."
  }
}

variable "peers" {
  description = "networks of the nodes, which alone it relays to"
  type        = list(string)
  validation {
    condition     = length(var.peers) > 0 && alltrue([for p in var.peers : can(cidrhost(p, 0)) && try(tonumber(split("/", p)[1]) >= 16, false)])
    error_message = "peers are the nodes' networks, /16 or smaller: it must not relay to others."
  }
}

variable "vpc_id" {
  description = "the VPC"
  type        = string
}

variable "public_subnets" {
  description = "where the load balancer is"
  type        = list(string)
}

variable "private_subnets" {
  description = "where the TURN server is"
  type        = list(string)
}

variable "turn_group" {
  description = "security group of the TURN server"
  type        = string
}

variable "balancer_group" {
  description = "security group of its load balancer"
  type        = string
}

variable "name" {
  description = "what all names begin with"
  type        = string
}

variable "region" {
  description = "AWS region"
  type        = string
}

variable "ami_id" {
  description = "image with livedub's gateway (deploy/packer)"
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
  description = "a gateway has no GPU and keeps nothing"
  type        = string
  default     = "t3.small"
}

variable "gateways" {
  description = "how many gateways, in different zones"
  type        = number
  default     = 2
  validation {
    condition     = var.gateways >= 1 && var.gateways <= 20
    error_message = "gateways is 1 to 20."
  }
}

variable "certificate_arn" {
  description = "certificate of ACM for the name that people open"
  type        = string
  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+$", var.certificate_arn))
    error_message = "certificate_arn is the ARN of a certificate of ACM, in the same region."
  }
}

variable "vpc_id" {
  type        = string
  description = "the VPC"
}

variable "public_subnets" {
  description = "where the load balancer is"
  type        = list(string)
}

variable "private_subnets" {
  description = "where the gateways are"
  type        = list(string)
}

variable "balancer_group" {
  description = "security group of the load balancer"
  type        = string
}

variable "gateway_group" {
  description = "security group of the gateways"
  type        = string
}

variable "http_port" {
  description = "port of the gateways"
  type        = number
}

variable "environment" {
  description = "user data: what a gateway is started with, KEY=value, no secrets"
  type        = map(string)
}

variable "cluster_secret_arn" {
  description = "the secret that gateways may read"
  type        = string
}

variable "protect" {
  description = "refuse to delete the load balancer"
  type        = bool
  default     = true
}

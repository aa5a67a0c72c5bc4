variable "name" {
  description = "what all names begin with"
  type        = string
}

variable "region" {
  description = "AWS region, as eu-central-1"
  type        = string
}

variable "cidr" {
  description = "the VPC's addresses, a /16 to /20"
  type        = string
  validation {
    condition     = can(cidrsubnet(var.cidr, 8, 0)) && tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20
    error_message = "cidr is a network from /16 to /20, as 10.20.0.0/16."
  }
}

variable "zones" {
  description = "two or three availability zones that have the GPU instance type"
  type        = list(string)
  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 3 && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones are two or three different availability zones."
  }
  validation {
    condition     = alltrue([for z in var.zones : startswith(z, var.region)])
    error_message = "zones lie in region."
  }
}

variable "single_nat" {
  description = "one NAT gateway for all zones: cheaper, and its zone takes the others' way out with it"
  type        = bool
  default     = false
}

variable "http_port" {
  description = "port of gateways and nodes for HTTP, inside the VPC"
  type        = number
}

variable "media_port" {
  description = "UDP and TCP port of media; with slots the first of them"
  type        = number
}

variable "media_slots" {
  description = "how many media ports there are, one a node, behind the network load balancer"
  type        = number
}

variable "public_media" {
  description = "nodes have a public address, with only the media port open"
  type        = bool
}

variable "turn" {
  description = "there is a TURN server (modules/turn)"
  type        = bool
  default     = false
}

variable "bastion" {
  description = "a small instance in a public subnet: ami empty is none; ssh_sources empty is no SSH, and Session Manager is the way in"
  type = object({
    ami           = optional(string, "")
    instance_type = optional(string, "t3.micro")
    ssh           = optional(bool, false)
    ssh_sources   = optional(list(string), [])
    key_name      = optional(string)
  })
  default = {}
  validation {
    condition     = var.bastion.ami == "" || can(regex("^ami-[0-9a-f]{8,17}$", var.bastion.ami))
    error_message = "bastion.ami is an AMI's ID, as ami-0123456789abcdef0, or empty."
  }
  validation {
    condition     = !var.bastion.ssh || (length(var.bastion.ssh_sources) > 0 && var.bastion.key_name != null && var.bastion.ami != "")
    error_message = "bastion.ssh needs bastion.ami, bastion.key_name and bastion.ssh_sources, the networks that may connect."
  }
  validation {
    condition     = alltrue([for s in var.bastion.ssh_sources : can(cidrhost(s, 0)) && !strcontains(s, ":") && try(tonumber(split("/", s)[1]) >= 16, false)])
    error_message = "bastion.ssh_sources are IPv4 networks of /16 or smaller: never the whole Internet."
  }
}

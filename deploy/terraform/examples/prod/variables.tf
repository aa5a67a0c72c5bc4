variable "region" {
  description = "AWS region, as eu-central-1"
  type        = string
}

variable "zones" {
  description = "two or three availability zones of the region that have g4dn.xlarge"
  type        = list(string)
}

variable "host" {
  description = "the name that people open"
  type        = string
}

variable "certificate_arn" {
  description = "certificate of ACM for host"
  type        = string
}

variable "node_ami" {
  description = "GPU image of deploy/packer"
  type        = string
}

variable "alarm_email" {
  description = "who is told of alarms"
  type        = string
}

variable "bastion_ami" {
  description = "image of the bastion, as Amazon Linux 2023; empty is none: Session Manager reaches every instance without"
  type        = string
  default     = ""
}

variable "ssh_sources" {
  description = "networks that may reach the bastion by SSH; empty is no SSH"
  type        = list(string)
  default     = []
}

variable "ssh_key_name" {
  description = "key pair for SSH"
  type        = string
  default     = null
}

variable "turn" {
  description = "a TURN server, for those who reach no media port"
  type        = bool
  default     = false
  validation {
    condition     = !var.turn || (var.turn_host != "" && var.turn_certificate_arn != "")
    error_message = "turn needs turn_host, a name of its own, and turn_certificate_arn, a certificate of ACM for it."
  }
}

variable "turn_host" {
  description = "name of the TURN server, as turn.example.com"
  type        = string
  default     = ""
}

variable "turn_certificate_arn" {
  description = "certificate of ACM for turn_host"
  type        = string
  default     = ""
}

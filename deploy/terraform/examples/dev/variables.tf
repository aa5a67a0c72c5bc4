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

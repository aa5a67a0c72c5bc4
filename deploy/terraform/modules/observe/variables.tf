variable "name" {
  description = "what all names begin with"
  type        = string
}

variable "region" {
  description = "AWS region"
  type        = string
}

variable "group" {
  description = "Auto Scaling group of the nodes"
  type        = string
}

variable "balancer_suffix" {
  description = "the gateways' load balancer as CloudWatch names it"
  type        = string
}

variable "alarm_email" {
  description = "who is told of alarms; empty is nobody, and the alarms are seen in CloudWatch"
  type        = string
  default     = ""
  validation {
    condition     = var.alarm_email == "" || can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.alarm_email))
    error_message = "alarm_email is an address, or empty."
  }
}

variable "high_gpu_alarm" {
  description = "name of the alarm on GPUUtilization; a second installation in one account and region needs another"
  type        = string
  default     = "HighGPU"
}

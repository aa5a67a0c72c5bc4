variable "name" {
  description = "what all names begin with"
  type        = string
}

variable "protect" {
  description = "keep a deleted secret for 30 days"
  type        = bool
  default     = true
}

variable "secrets_version" {
  description = "raise it to make the secrets anew"
  type        = number
  default     = 1
}

variable "turn" {
  description = "make a secret for a TURN server"
  type        = bool
  default     = false
}

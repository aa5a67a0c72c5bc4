variable "name" {
  description = "what all names begin with"
  type        = string
}

variable "subnets" {
  description = "private subnets"
  type        = list(string)
}

variable "postgres_group" {
  description = "security group of PostgreSQL"
  type        = string
}

variable "redis_group" {
  description = "security group of Redis"
  type        = string
}

variable "postgres" {
  description = "multi_az keeps a second one in another zone; backup_days is how far back it can be restored"
  type = object({
    instance_class = optional(string, "db.t4g.medium")
    storage_gb     = optional(number, 50)
    multi_az       = optional(bool, true)
    backup_days    = optional(number, 14)
  })
  default = {}
  validation {
    condition     = startswith(var.postgres.instance_class, "db.") && var.postgres.storage_gb >= 20 && var.postgres.storage_gb <= 16384
    error_message = "postgres.instance_class begins with db., and storage_gb is 20 to 16384."
  }
  validation {
    condition     = var.postgres.backup_days >= 1 && var.postgres.backup_days <= 35
    error_message = "postgres.backup_days is 1 to 35."
  }
}

variable "redis" {
  description = "nodes: two or more, so that one can take over from another"
  type = object({
    node_type = optional(string, "cache.t4g.small")
    nodes     = optional(number, 2)
  })
  default = {}
  validation {
    condition     = startswith(var.redis.node_type, "cache.") && var.redis.nodes >= 2 && var.redis.nodes <= 6
    error_message = "redis.node_type begins with cache., and redis.nodes is 2 to 6."
  }
}

variable "keep_noncurrent_days" {
  description = "how long versions that were overwritten or deleted are kept in S3"
  type        = number
  default     = 30
  validation {
    condition     = var.keep_noncurrent_days >= 1 && var.keep_noncurrent_days <= 365
    error_message = "keep_noncurrent_days is 1 to 365."
  }
}

variable "protect" {
  description = "refuse to delete the database, and keep its last snapshot"
  type        = bool
  default     = true
}

variable "redis_token" {
  description = "what Redis asks of its clients"
  type        = string
  sensitive   = true
  validation {
    condition     = can(regex("^[A-Za-z0-9]{32,128}$", var.redis_token))
    error_message = "redis_token is 32 to 128 letters and digits, which need no escapes in an address."
  }
}

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnets
}

resource "aws_elasticache_parameter_group" "this" {
  name   = "${var.name}-redis7"
  family = "redis7"

  # Claims must not be thrown away when memory is short: a full Redis says so instead.
  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

resource "aws_elasticache_replication_group" "this" {
  replication_group_id       = var.name
  description                = "where nodes and gateways of ${var.name} find each other"
  engine                     = "redis"
  engine_version             = "7.1"
  node_type                  = var.redis.node_type
  port                       = 6379
  num_cache_clusters         = var.redis.nodes
  automatic_failover_enabled = true
  multi_az_enabled           = true
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [var.redis_group]
  parameter_group_name       = aws_elasticache_parameter_group.this.name
  at_rest_encryption_enabled = true
  transit_encryption_enabled = true
  auth_token                 = var.redis_token
  auth_token_update_strategy = "ROTATE"
  apply_immediately          = true
}

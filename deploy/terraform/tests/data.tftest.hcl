mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name           = "livedub-test"
  subnets        = ["subnet-0a", "subnet-0b"]
  postgres_group = "sg-0a"
  redis_group    = "sg-0b"
  redis_token    = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
}

run "kept" {
  command = plan
  module {
    source = "./modules/data"
  }
  assert {
    condition     = aws_db_instance.this.engine == "postgres" && aws_db_instance.this.multi_az
    error_message = "RDS PostgreSQL is Multi-AZ"
  }
  assert {
    condition     = aws_db_instance.this.storage_encrypted
    error_message = "the database is encrypted"
  }
  assert {
    condition     = aws_db_instance.this.backup_retention_period >= 7 && !aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.deletion_protection
    error_message = "the database is backed up, and does not go without a last snapshot"
  }
  assert {
    condition     = one([for p in aws_db_parameter_group.this.parameter : p.value if p.name == "rds.force_ssl"]) == "1" && aws_db_instance.this.parameter_group_name == aws_db_parameter_group.this.name
    error_message = "the database refuses connections without TLS"
  }
  assert {
    condition     = !aws_db_instance.this.publicly_accessible && toset(aws_db_subnet_group.this.subnet_ids) == toset(var.subnets)
    error_message = "the database is in private subnets"
  }
  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "the database's password is made by RDS, in Secrets Manager"
  }
  assert {
    condition     = aws_elasticache_replication_group.this.automatic_failover_enabled && aws_elasticache_replication_group.this.multi_az_enabled && aws_elasticache_replication_group.this.num_cache_clusters >= 2
    error_message = "another Redis takes over, in another zone"
  }
  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_enabled && aws_elasticache_replication_group.this.at_rest_encryption_enabled == "true"
    error_message = "Redis is encrypted, on the way and at rest"
  }
  assert {
    condition     = nonsensitive(aws_elasticache_replication_group.this.auth_token == var.redis_token)
    error_message = "Redis wants a token"
  }
  assert {
    condition     = one([for p in aws_elasticache_parameter_group.this.parameter : p.value if p.name == "maxmemory-policy"]) == "noeviction"
    error_message = "a full Redis throws no claims away"
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.recordings.block_public_acls, aws_s3_bucket_public_access_block.recordings.block_public_policy,
      aws_s3_bucket_public_access_block.recordings.ignore_public_acls, aws_s3_bucket_public_access_block.recordings.restrict_public_buckets,
    ])
    error_message = "the bucket is private"
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.recordings.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "the bucket is encrypted"
  }
  assert {
    condition     = aws_s3_bucket_versioning.recordings.versioning_configuration[0].status == "Enabled"
    error_message = "the bucket keeps versions"
  }
  assert {
    condition     = one([for r in aws_s3_bucket_lifecycle_configuration.recordings.rule : r.noncurrent_version_expiration[0].noncurrent_days if r.id == "noncurrent" && r.status == "Enabled"]) == 30
    error_message = "old versions go after 30 days"
  }
  assert {
    condition     = one([for r in aws_s3_bucket_lifecycle_configuration.recordings.rule : r.abort_incomplete_multipart_upload[0].days_after_initiation if r.id == "unfinished-uploads" && r.status == "Enabled"]) == 7
    error_message = "uploads that were not finished go"
  }
  assert {
    condition     = one([for r in aws_s3_bucket_lifecycle_configuration.recordings.rule : one(r.transition).storage_class if r.id == "rarely-seen" && r.status == "Enabled"]) == "STANDARD_IA"
    error_message = "what is rarely seen is kept for less"
  }
  assert {
    condition     = jsondecode(aws_s3_bucket_policy.recordings.policy).Statement[0].Effect == "Deny" && jsondecode(aws_s3_bucket_policy.recordings.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "the bucket refuses requests without TLS"
  }
  assert {
    condition     = !aws_s3_bucket.recordings.force_destroy
    error_message = "a bucket with recordings is not deleted"
  }
}

run "refused" {
  command = plan
  module {
    source = "./modules/data"
  }
  variables {
    redis    = { nodes = 1 }
    postgres = { backup_days = 0 }
  }
  expect_failures = [var.redis, var.postgres]
}

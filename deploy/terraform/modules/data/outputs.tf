output "postgres_host" {
  value = aws_db_instance.this.address
}

output "postgres_secret_arn" {
  description = "Secrets Manager's secret with username and password, made and rotated by RDS"
  value       = try(aws_db_instance.this.master_user_secret[0].secret_arn, "")
}

output "redis_host" {
  value = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "bucket" {
  value = aws_s3_bucket.recordings.id
}

output "bucket_arn" {
  value = aws_s3_bucket.recordings.arn
}

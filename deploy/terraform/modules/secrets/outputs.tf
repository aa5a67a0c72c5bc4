output "arn" {
  description = "Secrets Manager's secret with what gateways and nodes share"
  value       = aws_secretsmanager_secret.cluster.arn
}

output "redis_token" {
  description = "for Redis itself, which has no other way to get it"
  value       = terraform_data.redis_token.output
  sensitive   = true
}

output "turn_arn" {
  description = "Secrets Manager's secret of the TURN server; null without one"
  value       = one(aws_secretsmanager_secret.turn[*].arn)
}

output "livedub" {
  description = "addresses and names; no secrets"
  value       = module.livedub
}

output "cluster_secret_arn" {
  description = "where the secrets are"
  value       = module.secrets.arn
}

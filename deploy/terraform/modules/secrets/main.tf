# Drawn by Secrets Manager and handed over without being written to the state.
ephemeral "aws_secretsmanager_random_password" "this" {
  for_each            = toset(["cluster_secret", "access_key", "admin_token", "turn_secret"])
  password_length     = 48
  exclude_punctuation = true
}

# The provider has no write-only argument for Redis's token, so the state holds
# it, this one secret: keep the state in an encrypted bucket. It is drawn once.
data "aws_secretsmanager_random_password" "redis" {
  password_length     = 64
  exclude_punctuation = true
}

resource "terraform_data" "redis_token" {
  input            = sensitive(data.aws_secretsmanager_random_password.redis.random_password)
  triggers_replace = var.secrets_version

  lifecycle {
    ignore_changes = [input]
  }
}

resource "aws_secretsmanager_secret" "cluster" {
  name_prefix             = "${var.name}-cluster-"
  description             = "what gateways and nodes of ${var.name} share: cluster_secret, access_key, admin_token, redis_token"
  recovery_window_in_days = var.protect ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "cluster" {
  secret_id = aws_secretsmanager_secret.cluster.id
  secret_string_wo = jsonencode({
    cluster_secret = ephemeral.aws_secretsmanager_random_password.this["cluster_secret"].random_password
    access_key     = ephemeral.aws_secretsmanager_random_password.this["access_key"].random_password
    admin_token    = ephemeral.aws_secretsmanager_random_password.this["admin_token"].random_password
    redis_token    = terraform_data.redis_token.output
  })
  secret_string_wo_version = var.secrets_version
}

# A secret of its own: the TURN server, which strangers talk to, reads this and no other.
resource "aws_secretsmanager_secret" "turn" {
  count                   = var.turn ? 1 : 0
  name_prefix             = "${var.name}-turn-"
  description             = "what nodes and the TURN server of ${var.name} share: turn_secret"
  recovery_window_in_days = var.protect ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "turn" {
  count                    = var.turn ? 1 : 0
  secret_id                = aws_secretsmanager_secret.turn[0].id
  secret_string_wo         = jsonencode({ turn_secret = ephemeral.aws_secretsmanager_random_password.this["turn_secret"].random_password })
  secret_string_wo_version = var.secrets_version
}

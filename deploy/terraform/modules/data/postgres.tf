resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnets
}

resource "aws_db_parameter_group" "this" {
  name   = "${var.name}-postgres16"
  family = "postgres16"

  # A connection without TLS is refused.
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
}

resource "aws_db_instance" "this" {
  identifier     = var.name
  engine         = "postgres"
  engine_version = "16"
  instance_class = var.postgres.instance_class
  db_name        = "livedub"
  username       = "livedub"

  # RDS makes the password, keeps it in Secrets Manager and rotates it: Terraform never has it.
  manage_master_user_password = true

  multi_az                = var.postgres.multi_az
  db_subnet_group_name    = aws_db_subnet_group.this.name
  vpc_security_group_ids  = [var.postgres_group]
  publicly_accessible     = false
  parameter_group_name    = aws_db_parameter_group.this.name
  ca_cert_identifier      = "rds-ca-rsa2048-g1"
  storage_type            = "gp3"
  allocated_storage       = var.postgres.storage_gb
  max_allocated_storage   = var.postgres.storage_gb * 4
  storage_encrypted       = true
  backup_retention_period = var.postgres.backup_days
  backup_window           = "02:00-03:00"
  maintenance_window      = "sun:03:30-sun:04:30"
  copy_tags_to_snapshot   = true

  auto_minor_version_upgrade      = true
  enabled_cloudwatch_logs_exports = ["postgresql"]
  deletion_protection             = var.protect
  skip_final_snapshot             = !var.protect
  final_snapshot_identifier       = var.protect ? "${var.name}-last" : null
}

# What AWS would answer, where a name of random letters would not do.
mock_resource "aws_vpc" {
  defaults = { id = "vpc-0aaa" }
}
mock_resource "aws_lb" {
  defaults = {
    arn        = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/it/0123456789abcdef"
    arn_suffix = "app/it/0123456789abcdef"
    dns_name   = "it.eu-central-1.elb.amazonaws.com"
  }
}
mock_resource "aws_lb_target_group" {
  defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/it/0123456789abcdef" }
}
mock_resource "aws_iam_role" {
  defaults = {
    id   = "role"
    arn  = "arn:aws:iam::123456789012:role/role"
    name = "role"
  }
}
mock_resource "aws_launch_template" {
  defaults = {
    id             = "lt-0123456789abcdef0"
    latest_version = 1
  }
}
mock_resource "aws_autoscaling_policy" {
  defaults = { arn = "arn:aws:autoscaling:eu-central-1:123456789012:scalingPolicy:0123:autoScalingGroupName/it:policyName/it" }
}
mock_resource "aws_eip" {
  defaults = {
    id        = "eipalloc-0123456789abcdef0"
    public_ip = "198.51.100.7"
  }
}
mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:alarms" }
}
mock_resource "aws_s3_bucket" {
  defaults = {
    id  = "livedub-recordings"
    arn = "arn:aws:s3:::livedub-recordings"
  }
}
mock_resource "aws_db_instance" {
  defaults = {
    address            = "db.internal"
    master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds-0123", secret_status = "active", kms_key_id = "key" }]
  }
}
mock_resource "aws_elasticache_replication_group" {
  defaults = { primary_endpoint_address = "redis.internal" }
}

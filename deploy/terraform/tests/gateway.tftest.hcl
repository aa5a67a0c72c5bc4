mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name               = "livedub-test"
  region             = "eu-central-1"
  ami_id             = "ami-0123456789abcdef0"
  root_device        = "/dev/sda1"
  certificate_arn    = "arn:aws:acm:eu-central-1:123456789012:certificate/0a0a"
  vpc_id             = "vpc-0aaa"
  public_subnets     = ["subnet-0a", "subnet-0b"]
  private_subnets    = ["subnet-1a", "subnet-1b"]
  balancer_group     = "sg-0a"
  gateway_group      = "sg-0b"
  http_port          = 8080
  environment        = { DEPLOY_ROLE = "gateway" }
  cluster_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cluster-0123"
}

run "gateways" {
  command = plan
  module {
    source = "./modules/gateway"
  }
  assert {
    condition     = aws_lb_listener.tls.port == 443 && aws_lb_listener.tls.protocol == "HTTPS" && aws_lb_listener.tls.certificate_arn == var.certificate_arn
    error_message = "the load balancer speaks TLS by ACM's certificate"
  }
  assert {
    condition     = strcontains(aws_lb_listener.tls.ssl_policy, "TLS13")
    error_message = "TLS is 1.2 at least"
  }
  assert {
    condition     = !aws_lb.this.internal && toset(aws_lb.this.subnets) == toset(var.public_subnets) && aws_lb.this.drop_invalid_header_fields
    error_message = "the load balancer is in the public subnets, and drops odd headers"
  }
  assert {
    condition     = toset(aws_autoscaling_group.gateway.vpc_zone_identifier) == toset(var.private_subnets) && aws_launch_template.gateway.network_interfaces[0].associate_public_ip_address == "false"
    error_message = "gateways are in private subnets, without public addresses"
  }
  assert {
    condition     = aws_launch_template.gateway.metadata_options[0].http_tokens == "required" && aws_launch_template.gateway.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "gateways take IMDSv2 only"
  }
  assert {
    condition     = aws_launch_template.gateway.block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "gateways' disks are encrypted"
  }
  assert {
    condition     = aws_autoscaling_group.gateway.min_size == 2 && aws_autoscaling_group.gateway.health_check_type == "ELB" && length(aws_autoscaling_group.gateway.instance_refresh) == 1
    error_message = "two gateways, replaced when they do not answer, refreshed with a new image"
  }
  assert {
    condition     = toset([for s in jsondecode(aws_iam_role_policy.gateway.policy).Statement : s.Sid]) == toset(["ClusterSecret", "Metrics", "Logs", "SessionManager"])
    error_message = "a gateway may do four things"
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.gateway.policy).Statement : alltrue([for a in s.Action : !endswith(a, "*")])])
    error_message = "every right is written out"
  }
  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.gateway.policy).Statement : s.Condition.StringEquals["cloudwatch:namespace"] if s.Sid == "Metrics"]) == "DeepLearning" && one(one([for s in jsondecode(aws_iam_role_policy.gateway.policy).Statement : s.Action if s.Sid == "Metrics"])) == "cloudwatch:PutMetricData"
    error_message = "a gateway publishes in DeepLearning alone"
  }
  assert {
    condition     = one(one([for s in jsondecode(aws_iam_role_policy.gateway.policy).Statement : s.Resource if s.Sid == "ClusterSecret"])) == var.cluster_secret_arn
    error_message = "a gateway reads the cluster's secret alone"
  }
}

run "refused" {
  command = plan
  module {
    source = "./modules/gateway"
  }
  variables {
    certificate_arn = "arn:aws:iam::123456789012:server-certificate/own"
  }
  expect_failures = [var.certificate_arn]
}

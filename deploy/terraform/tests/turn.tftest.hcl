mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name            = "livedub-test"
  region          = "eu-central-1"
  ami_id          = "ami-0123456789abcdef0"
  root_device     = "/dev/sda1"
  host            = "turn.example.com"
  certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/0b0b"
  secret_arn      = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:turn-0123"
  peers           = ["10.20.128.0/20", "10.20.144.0/20"]
  vpc_id          = "vpc-0aaa"
  public_subnets  = ["subnet-0a", "subnet-0b"]
  private_subnets = ["subnet-1a", "subnet-1b"]
  turn_group      = "sg-0a"
  balancer_group  = "sg-0b"
}

run "turn" {
  command = plan
  module {
    source = "./modules/turn"
  }
  assert {
    condition     = aws_lb_listener.turn["tls"].port == 443 && aws_lb_listener.turn["tls"].protocol == "TLS" && aws_lb_listener.turn["tls"].certificate_arn == var.certificate_arn && strcontains(aws_lb_listener.turn["tls"].ssl_policy, "TLS13")
    error_message = "TURN comes by TLS on 443, by ACM's certificate"
  }
  assert {
    condition     = aws_lb_listener.turn["udp"].port == 3478 && aws_lb_listener.turn["udp"].protocol == "UDP" && length(aws_lb_listener.turn) == 2
    error_message = "TURN comes by UDP on 3478, and in no third way"
  }
  assert {
    condition     = aws_lb.turn.load_balancer_type == "network" && !aws_lb.turn.internal && toset(aws_lb.turn.subnets) == toset(var.public_subnets) && toset(aws_lb.turn.security_groups) == toset([var.balancer_group])
    error_message = "the load balancer is in the public subnets, with a group of its own"
  }
  assert {
    condition     = alltrue([for t in aws_lb_target_group.turn : t.port == 3478 && t.preserve_client_ip == "true" && t.health_check[0].protocol == "TCP"])
    error_message = "the server sees who asks, and is asked whether it answers"
  }
  assert {
    condition     = toset(aws_autoscaling_group.turn.vpc_zone_identifier) == toset(var.private_subnets) && aws_launch_template.turn.network_interfaces[0].associate_public_ip_address == "false"
    error_message = "the server is in a private subnet, without a public address"
  }
  assert {
    condition     = aws_autoscaling_group.turn.desired_capacity == 1 && aws_autoscaling_group.turn.health_check_type == "ELB" && aws_autoscaling_group.turn.health_check_grace_period >= 300
    error_message = "there is one server, replaced when it does not answer, and not before it has started"
  }
  assert {
    condition     = aws_launch_template.turn.metadata_options[0].http_tokens == "required" && aws_launch_template.turn.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "it takes IMDSv2 only"
  }
  assert {
    condition     = aws_launch_template.turn.block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "its disk is encrypted"
  }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.turn.user_data), "DEPLOY_ROLE=turn\n") && strcontains(base64decode(aws_launch_template.turn.user_data), "DEPLOY_TURN_PEERS=10.20.128.0/20,10.20.144.0/20\n")
    error_message = "it knows what it is, and the only networks that it relays to"
  }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.turn.user_data), "DEPLOY_TURN_SECRET_ARN=${var.secret_arn}\n") && !strcontains(base64decode(aws_launch_template.turn.user_data), "SECRET=")
    error_message = "user data names the secret and does not hold it"
  }
  assert {
    condition     = toset([for s in jsondecode(aws_iam_role_policy.turn.policy).Statement : s.Sid]) == toset(["TurnSecret", "Metrics", "Logs", "SessionManager"])
    error_message = "it may do four things"
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.turn.policy).Statement : alltrue([for a in s.Action : !endswith(a, "*")])])
    error_message = "every right is written out"
  }
  assert {
    condition     = one(one([for s in jsondecode(aws_iam_role_policy.turn.policy).Statement : s.Resource if s.Sid == "TurnSecret"])) == var.secret_arn
    error_message = "it reads its own secret alone, not the cluster's"
  }
}

run "refused" {
  command = plan
  module {
    source = "./modules/turn"
  }
  variables {
    host            = "https://turn.example.com"
    certificate_arn = "arn:aws:iam::123456789012:server-certificate/own"
    secret_arn      = "hush"
    peers           = ["0.0.0.0/0"]
  }
  expect_failures = [var.host, var.certificate_arn, var.secret_arn, var.peers]
}

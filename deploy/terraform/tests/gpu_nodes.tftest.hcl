mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name            = "livedub-test"
  region          = "eu-central-1"
  ami_id          = "ami-0123456789abcdef0"
  root_device     = "/dev/sda1"
  vpc_id          = "vpc-0aaa"
  public_subnets  = { eu-central-1a = "subnet-0a", eu-central-1b = "subnet-0b" }
  private_subnets = { eu-central-1a = "subnet-1a", eu-central-1b = "subnet-1b" }
  node_group      = "sg-0a"
  media_port      = 8443
  environment     = { DEPLOY_ROLE = "node" }
  secret_arns     = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:cluster-0123"]
  bucket_arn      = "arn:aws:s3:::livedub-recordings"
}

run "nodes" {
  command = plan
  module {
    source = "./modules/gpu_nodes"
  }
  assert {
    condition     = aws_launch_template.node.instance_type == "g4dn.xlarge" && aws_launch_template.node.image_id == var.ami_id
    error_message = "nodes are g4dn.xlarge of the AMI"
  }
  assert {
    condition     = aws_launch_template.node.metadata_options[0].http_tokens == "required" && aws_launch_template.node.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "nodes take IMDSv2 only"
  }
  assert {
    condition     = aws_launch_template.node.block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "nodes' disks are encrypted"
  }
  assert {
    condition     = length(aws_launch_template.node.instance_market_options) == 0 && length(aws_autoscaling_group.node.mixed_instances_policy) == 0
    error_message = "no Spot and no mixed instances, which warm pools exclude"
  }
  assert {
    condition     = aws_autoscaling_group.node.min_size == 1 && aws_autoscaling_group.node.max_size == 5
    error_message = "one to five nodes"
  }
  assert {
    condition     = toset(aws_autoscaling_group.node.vpc_zone_identifier) == toset(values(var.private_subnets)) && aws_launch_template.node.network_interfaces[0].associate_public_ip_address == "false"
    error_message = "nodes are in private subnets, without public addresses"
  }
  assert {
    condition     = aws_autoscaling_group.node.warm_pool[0].pool_state == "Stopped" && aws_autoscaling_group.node.warm_pool[0].max_group_prepared_capacity == 5
    error_message = "the warm pool holds stopped instances, up to the group's size"
  }
  assert {
    condition     = aws_autoscaling_group.node.warm_pool[0].instance_reuse_policy[0].reuse_on_scale_in
    error_message = "nodes go back to the warm pool"
  }
  assert {
    condition     = one([for h in aws_autoscaling_group.node.initial_lifecycle_hook : h.default_result if h.lifecycle_transition == "autoscaling:EC2_INSTANCE_LAUNCHING" && h.name == "launching"]) == "ABANDON"
    error_message = "an instance that does not become ready is given up"
  }
  assert {
    condition     = one([for h in aws_autoscaling_group.node.initial_lifecycle_hook : h.heartbeat_timeout if h.lifecycle_transition == "autoscaling:EC2_INSTANCE_TERMINATING" && h.name == "terminating"]) == 900
    error_message = "a node has time to drain"
  }
  assert {
    condition     = one(one(aws_autoscaling_group.node.instance_refresh).preferences).scale_in_protected_instances == "Wait" && one(one(aws_autoscaling_group.node.instance_refresh).preferences).min_healthy_percentage == 100
    error_message = "a refresh waits for nodes with calls, and takes none away before another is there"
  }
  assert {
    condition = alltrue([for a in aws_cloudwatch_metric_alarm.step :
      a.namespace == "DeepLearning" && a.comparison_operator == "GreaterThanOrEqualToThreshold" && a.period == 10 && a.dimensions == tomap({ AutoScalingGroupName = "livedub-test-nodes" })
    ])
    error_message = "alarms read the group's metrics at 10 s"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.step["cpu"].metric_name == "CPUUtilization" && aws_cloudwatch_metric_alarm.step["cpu"].threshold == 70
    error_message = "out at CPU >= 70"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.step["gpu-memory"].metric_name == "GPUMemoryUtilization" && aws_cloudwatch_metric_alarm.step["gpu-memory"].threshold == 80
    error_message = "out at GPU memory >= 80"
  }
  assert {
    condition     = alltrue([for p in aws_autoscaling_policy.step : p.policy_type == "StepScaling" && one(p.step_adjustment).scaling_adjustment == 1])
    error_message = "a step is one node"
  }
  assert {
    condition     = aws_autoscaling_policy.used_capacity.policy_type == "TargetTrackingScaling" && aws_autoscaling_policy.used_capacity.target_tracking_configuration[0].customized_metric_specification[0].metric_name == "UsedCapacity"
    error_message = "target tracking is on used capacity"
  }
  assert {
    condition     = aws_autoscaling_policy.used_capacity.target_tracking_configuration[0].target_value == 56 && aws_autoscaling_policy.used_capacity.target_tracking_configuration[0].disable_scale_in && aws_autoscaling_policy.used_capacity.estimated_instance_warmup == 20
    error_message = "target tracking scales out as docs/SCALING.md has it"
  }
  assert {
    condition     = one(aws_autoscaling_policy.in.step_adjustment).scaling_adjustment == -1 && aws_cloudwatch_metric_alarm.in.metric_name == "UsedCapacity" && aws_cloudwatch_metric_alarm.in.threshold == 24 && aws_cloudwatch_metric_alarm.in.period == 60 && aws_cloudwatch_metric_alarm.in.evaluation_periods == 10 && aws_cloudwatch_metric_alarm.in.comparison_operator == "LessThanThreshold"
    error_message = "one node less after ten minutes below 24 % of the places in use"
  }
  assert {
    condition     = join(",", [for l in aws_lb_listener.media : l.port]) == "8443,8444,8445,8446,8447" && alltrue([for l in aws_lb_listener.media : l.protocol == "TCP_UDP"])
    error_message = "each of five nodes has a port, for UDP and TCP"
  }
  assert {
    condition     = alltrue([for k, t in aws_lb_target_group.media : t.port == aws_lb_listener.media[k].port && t.protocol == "TCP_UDP" && t.preserve_client_ip == "true"])
    error_message = "a node listens on the port that clients see"
  }
  assert {
    condition     = aws_lb.media[0].load_balancer_type == "network" && !aws_lb.media[0].enable_cross_zone_load_balancing && length(aws_lb.media[0].subnet_mapping) == 2
    error_message = "the load balancer has a fixed address in each zone, and crosses none"
  }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.node.user_data), "DEPLOY_MEDIA_SLOTS=8443=arn:aws:elasticloadbalancing") && strcontains(base64decode(aws_launch_template.node.user_data), "DEPLOY_MEDIA_ADDRESSES=eu-central-1a=198.51.100.7,eu-central-1b=")
    error_message = "a node knows the slots and each zone's address"
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.node.policy).Statement : alltrue([for a in s.Action : !endswith(a, "*")])])
    error_message = "every right is written out"
  }
  assert {
    condition = toset([for s in jsondecode(aws_iam_role_policy.node.policy).Statement : s.Sid if s.Resource == "*"]) == toset([
      "Metrics", "Look", "SessionManager", "MediaSlotsLook",
    ])
    error_message = "only what AWS knows no resources for is for all resources"
  }
  assert {
    condition = toset(flatten([for s in jsondecode(aws_iam_role_policy.node.policy).Statement : s.Action if contains(["Metrics", "OwnLifecycle", "Look"], s.Sid)])) == toset([
      "cloudwatch:PutMetricData", "autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat",
      "autoscaling:SetInstanceProtection", "autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeLifecycleHooks",
    ])
    error_message = "a node may do what cluster/aws asks for, and no more"
  }
  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.node.policy).Statement : s.Condition.StringEquals["cloudwatch:namespace"] if s.Sid == "Metrics"]) == "DeepLearning"
    error_message = "a node publishes in DeepLearning alone"
  }
  assert {
    condition     = one(one([for s in jsondecode(aws_iam_role_policy.node.policy).Statement : s.Resource if s.Sid == "OwnLifecycle"])) == "arn:aws:autoscaling:eu-central-1:*:autoScalingGroup:*:autoScalingGroupName/livedub-test-nodes"
    error_message = "a node completes hooks of its own group"
  }
  assert {
    condition     = one(one([for s in jsondecode(aws_iam_role_policy.node.policy).Statement : s.Resource if s.Sid == "Secrets"])) == one(var.secret_arns)
    error_message = "a node reads its secrets alone"
  }
}

run "public_media" {
  command = plan
  module {
    source = "./modules/gpu_nodes"
  }
  variables {
    public_media = true
  }
  assert {
    condition     = length(aws_lb.media) == 0 && length(aws_lb_listener.media) == 0 && length(aws_eip.media) == 0
    error_message = "no load balancer"
  }
  assert {
    condition     = toset(aws_autoscaling_group.node.vpc_zone_identifier) == toset(values(var.public_subnets)) && aws_launch_template.node.network_interfaces[0].associate_public_ip_address == "true"
    error_message = "nodes have public addresses"
  }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.node.user_data), "LIVEDUB_SERVE_MEDIA_PORT=8443\n")
    error_message = "a node knows its media port"
  }
}

run "refused" {
  command = plan
  module {
    source = "./modules/gpu_nodes"
  }
  variables {
    instance_type = "m5.xlarge"
    warm_size     = 5
    drain_seconds = 60
  }
  expect_failures = [var.instance_type, var.warm_size, var.drain_seconds]
}

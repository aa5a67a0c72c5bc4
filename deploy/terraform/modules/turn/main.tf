# A relay for those whose network lets neither UDP nor TCP out to the media ports:
# TLS on 443, which is let out nearly everywhere, and UDP on 3478.
locals {
  environment = {
    AWS_REGION             = var.region
    DEPLOY_ROLE            = "turn"
    DEPLOY_TURN_HOST       = var.host
    DEPLOY_TURN_PEERS      = join(",", var.peers)
    DEPLOY_TURN_SECRET_ARN = var.secret_arn
    LIVEDUB_CLUSTER_NAME   = var.name
  }
}

resource "aws_cloudwatch_log_group" "turn" {
  name              = "/livedub/${var.name}/turn"
  retention_in_days = 30
}

resource "aws_launch_template" "turn" {
  name                   = "${var.name}-turn"
  image_id               = var.ami_id
  instance_type          = var.instance_type
  update_default_version = true
  user_data              = base64encode(join("", [for k, v in local.environment : "${k}=${v}\n"]))

  iam_instance_profile {
    name = aws_iam_instance_profile.turn.name
  }

  network_interfaces {
    device_index                = 0
    associate_public_ip_address = false
    security_groups             = [var.turn_group]
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = var.root_device
    ebs {
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }

  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "${var.name}-turn" }
  }
}

# One server: a client's allocation is on the one that it first asked. When it is
# replaced, its clients connect anew.
resource "aws_autoscaling_group" "turn" {
  name                      = "${var.name}-turn"
  min_size                  = 1
  max_size                  = 2
  desired_capacity          = 1
  vpc_zone_identifier       = var.private_subnets
  target_group_arns         = [for t in aws_lb_target_group.turn : t.arn]
  health_check_type         = "ELB"
  health_check_grace_period = 300

  launch_template {
    id      = aws_launch_template.turn.id
    version = aws_launch_template.turn.latest_version
  }

  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 200
      auto_rollback          = true
    }
  }
}

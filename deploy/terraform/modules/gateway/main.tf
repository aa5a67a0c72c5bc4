resource "aws_cloudwatch_log_group" "gateway" {
  name              = "/livedub/${var.name}/gateway"
  retention_in_days = 30
}

resource "aws_launch_template" "gateway" {
  name                   = "${var.name}-gateway"
  image_id               = var.ami_id
  instance_type          = var.instance_type
  update_default_version = true
  user_data              = base64encode(join("", [for k, v in var.environment : "${k}=${v}\n"]))

  iam_instance_profile {
    name = aws_iam_instance_profile.gateway.name
  }

  network_interfaces {
    device_index                = 0
    associate_public_ip_address = false
    security_groups             = [var.gateway_group]
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
    tags          = { Name = "${var.name}-gateway" }
  }
}

resource "aws_autoscaling_group" "gateway" {
  name                      = "${var.name}-gateway"
  min_size                  = var.gateways
  max_size                  = var.gateways + 1
  vpc_zone_identifier       = var.private_subnets
  target_group_arns         = [aws_lb_target_group.gateway.arn]
  health_check_type         = "ELB"
  health_check_grace_period = 300

  launch_template {
    id      = aws_launch_template.gateway.id
    version = aws_launch_template.gateway.latest_version
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

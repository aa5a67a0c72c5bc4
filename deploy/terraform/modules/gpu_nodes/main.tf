locals {
  # The AMI's units read this at every start; an instance of the warm pool runs no user data again.
  environment = merge(var.environment, {
    LIVEDUB_AWS_GROUP            = local.group
    LIVEDUB_AWS_LAUNCHING_HOOK   = "launching"
    LIVEDUB_AWS_TERMINATING_HOOK = "terminating"
    }, var.public_media ? {
    LIVEDUB_SERVE_MEDIA_PORT = tostring(var.media_port)
    } : {
    DEPLOY_MEDIA_SLOTS     = join(",", [for k, port in local.slots : "${port}=${aws_lb_target_group.media[k].arn}"])
    DEPLOY_MEDIA_ADDRESSES = join(",", [for z, e in aws_eip.media : "${z}=${e.public_ip}"])
  })
}

resource "aws_cloudwatch_log_group" "node" {
  name              = "/livedub/${var.name}/node"
  retention_in_days = 30
}

resource "aws_launch_template" "node" {
  name                   = "${var.name}-node"
  image_id               = var.ami_id
  instance_type          = var.instance_type
  update_default_version = true
  user_data              = base64encode(join("", [for k, v in local.environment : "${k}=${v}\n"]))

  iam_instance_profile {
    name = aws_iam_instance_profile.node.name
  }

  network_interfaces {
    device_index                = 0
    associate_public_ip_address = var.public_media
    security_groups             = [var.node_group]
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  monitoring {
    enabled = true
  }

  block_device_mappings {
    device_name = var.root_device
    ebs {
      volume_type           = "gp3"
      volume_size           = var.disk_gb
      iops                  = 3000
      throughput            = 250
      encrypted             = true
      delete_on_termination = true
    }
  }

  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "${var.name}-node" }
  }
}

# On-demand of one type: AWS has no warm pools with Spot or mixed instances.
resource "aws_autoscaling_group" "node" {
  name                      = local.group
  min_size                  = var.min_size
  max_size                  = var.max_size
  vpc_zone_identifier       = [for s in var.public_media ? var.public_subnets : var.private_subnets : s]
  health_check_type         = "EC2"
  health_check_grace_period = var.launch_seconds
  default_instance_warmup   = 60
  wait_for_capacity_timeout = "15m"
  enabled_metrics = [
    "GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances", "GroupTerminatingInstances",
    "WarmPoolWarmedCapacity", "WarmPoolPendingCapacity",
  ]

  launch_template {
    id      = aws_launch_template.node.id
    version = aws_launch_template.node.latest_version
  }

  # As part of the group, so that the very first instance has them.
  # The node completes them: on the way into the warm pool when it has shown that
  # it works, on the way into service when its engines are warm, and when it has drained.
  initial_lifecycle_hook {
    name                 = "launching"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    heartbeat_timeout    = var.launch_seconds
    default_result       = "ABANDON"
  }

  initial_lifecycle_hook {
    name                 = "terminating"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    heartbeat_timeout    = var.drain_seconds
    default_result       = "CONTINUE"
  }

  # Without a bound of its own AWS fills the pool up to max_size.
  dynamic "warm_pool" {
    for_each = var.warm_size > 0 ? [var.warm_size] : []
    content {
      pool_state                  = "Stopped"
      max_group_prepared_capacity = var.min_size + warm_pool.value
      instance_reuse_policy {
        reuse_on_scale_in = true
      }
    }
  }

  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage       = 100
      max_healthy_percentage       = 200
      instance_warmup              = 60
      scale_in_protected_instances = "Wait"
      auto_rollback                = true
    }
  }

  lifecycle {
    precondition {
      condition     = var.public_media || length(local.slots) == var.max_size
      error_message = "Behind the load balancer every node needs a media slot."
    }
  }
}

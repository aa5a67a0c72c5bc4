# One port a node: a load balancer spreads flows, and all flows of a call must
# come to its node (docs/decisions/0057-media-on-aws.md). A node takes a free
# slot when it goes into service: it listens on the slot's port, registers in
# its target group, and tells clients the address of its own zone.
locals {
  slots = var.public_media ? {} : { for i in range(var.max_size) : format("%02d", i) => var.media_port + i }
  ways  = var.public_media ? {} : var.public_subnets
}

resource "aws_eip" "media" {
  for_each = local.ways
  domain   = "vpc"
  tags     = { Name = "${var.name}-media-${each.key}" }
}

resource "aws_lb" "media" {
  count              = var.public_media ? 0 : 1
  name               = "${var.name}-media"
  load_balancer_type = "network"
  internal           = false

  # A node tells the address of its own zone, so that nothing crosses zones.
  enable_cross_zone_load_balancing = false

  dynamic "subnet_mapping" {
    for_each = local.ways
    content {
      subnet_id     = subnet_mapping.value
      allocation_id = aws_eip.media[subnet_mapping.key].id
    }
  }
}

resource "aws_lb_target_group" "media" {
  for_each           = local.slots
  name               = "${var.name}-media-${each.key}"
  vpc_id             = var.vpc_id
  port               = each.value
  protocol           = "TCP_UDP"
  target_type        = "instance"
  preserve_client_ip = "true"
  # The node leaves by itself when it has drained (livedub-boot stop); until then it is in service.
  deregistration_delay   = 30
  connection_termination = true

  # The same port takes media by TCP.
  health_check {
    protocol            = "TCP"
    port                = "traffic-port"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "media" {
  for_each          = local.slots
  load_balancer_arn = aws_lb.media[0].arn
  port              = each.value
  protocol          = "TCP_UDP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.media[each.key].arn
  }
}

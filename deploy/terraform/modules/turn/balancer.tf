# TLS ends here, by a certificate that ACM renews; the server has a private address alone.
resource "aws_lb" "turn" {
  name               = "${var.name}-turn"
  load_balancer_type = "network"
  internal           = false
  subnets            = var.public_subnets
  security_groups    = [var.balancer_group]

  # There is one server, in one of the zones.
  enable_cross_zone_load_balancing = true
}

locals {
  ways = {
    tls = { port = 443, protocol = "TLS", target = "TCP" }
    udp = { port = 3478, protocol = "UDP", target = "UDP" }
  }
}

resource "aws_lb_target_group" "turn" {
  for_each               = local.ways
  name                   = "${var.name}-turn-${each.key}"
  vpc_id                 = var.vpc_id
  port                   = 3478
  protocol               = each.value.target
  target_type            = "instance"
  preserve_client_ip     = "true"
  deregistration_delay   = 120
  connection_termination = true

  health_check {
    protocol            = "TCP"
    port                = "3478"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "turn" {
  for_each          = local.ways
  load_balancer_arn = aws_lb.turn.arn
  port              = each.value.port
  protocol          = each.value.protocol
  ssl_policy        = each.value.protocol == "TLS" ? "ELBSecurityPolicy-TLS13-1-2-2021-06" : null
  certificate_arn   = each.value.protocol == "TLS" ? var.certificate_arn : null

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.turn[each.key].arn
  }
}

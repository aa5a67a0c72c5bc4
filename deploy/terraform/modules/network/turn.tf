# The TURN server is reached through its load balancer, and reaches nodes' media
# ports and nothing else of the VPC: no database, no gateway, no other port.
locals {
  turn_port = 3478
  turn_open = var.turn ? {
    tls = { protocol = "tcp", port = 443 }
    udp = { protocol = "udp", port = local.turn_port }
  } : {}
}

resource "aws_vpc_security_group_ingress_rule" "turn_open" {
  for_each          = local.turn_open
  security_group_id = aws_security_group.this["turn-balancer"].id
  cidr_ipv4         = local.anywhere
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "turn_balancer" {
  for_each                     = toset(var.turn ? ["tcp", "udp"] : [])
  security_group_id            = aws_security_group.this["turn-balancer"].id
  referenced_security_group_id = aws_security_group.this["turn"].id
  ip_protocol                  = each.key
  from_port                    = local.turn_port
  to_port                      = local.turn_port
}

resource "aws_vpc_security_group_ingress_rule" "turn" {
  for_each                     = toset(var.turn ? ["tcp", "udp"] : [])
  security_group_id            = aws_security_group.this["turn"].id
  referenced_security_group_id = aws_security_group.this["turn-balancer"].id
  ip_protocol                  = each.key
  from_port                    = local.turn_port
  to_port                      = local.turn_port
}

# Nodes answer what it begins; their own rule lets media in.
resource "aws_vpc_security_group_egress_rule" "turn_media" {
  count                        = var.turn ? 1 : 0
  security_group_id            = aws_security_group.this["turn"].id
  referenced_security_group_id = aws_security_group.this["node"].id
  ip_protocol                  = "udp"
  from_port                    = var.media_port
  to_port                      = local.media_last
}

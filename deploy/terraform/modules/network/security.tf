# Who may reach whom, all of it. Only TLS at the load balancer and the media
# ports, and TURN's, are open to the Internet.
locals {
  anywhere = "0.0.0.0/0"
  groups = merge({
    balancer = "TLS from anywhere"
    gateway  = "HTTP from the load balancer"
    node     = "HTTP from gateways and nodes, media from anywhere"
    postgres = "PostgreSQL from nodes"
    redis    = "Redis from gateways and nodes"
    bastion  = "SSH from the named networks, or nothing"
    }, var.turn ? {
    turn-balancer = "TURN from anywhere"
    turn          = "TURN from its load balancer, media to nodes"
  } : {})

  media_last = var.media_port + (var.public_media ? 1 : var.media_slots) - 1

  # from, to: names of groups.
  inside = {
    balancer-gateway = { from = "balancer", to = "gateway", port = var.http_port }
    gateway-node     = { from = "gateway", to = "node", port = var.http_port }
    node-node        = { from = "node", to = "node", port = var.http_port }
    gateway-redis    = { from = "gateway", to = "redis", port = 6379 }
    node-redis       = { from = "node", to = "redis", port = 6379 }
    node-postgres    = { from = "node", to = "postgres", port = 5432 }
  }
  ssh = var.bastion.ssh ? {
    bastion-gateway = { from = "bastion", to = "gateway", port = 22 }
    bastion-node    = { from = "bastion", to = "node", port = 22 }
  } : {}
}

resource "aws_security_group" "this" {
  for_each    = local.groups
  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-${each.key}" }
}

# What is started without a group of its own reaches nothing.
resource "aws_default_security_group" "this" {
  vpc_id  = aws_vpc.this.id
  ingress = []
  egress  = []
}

resource "aws_vpc_security_group_ingress_rule" "inside" {
  for_each                     = merge(local.inside, local.ssh)
  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "inside" {
  for_each                     = merge(local.inside, local.ssh)
  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "tls" {
  security_group_id = aws_security_group.this["balancer"].id
  cidr_ipv4         = local.anywhere
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# The network load balancer keeps clients' addresses, so that this group decides.
resource "aws_vpc_security_group_ingress_rule" "media" {
  for_each          = toset(["udp", "tcp"])
  security_group_id = aws_security_group.this["node"].id
  cidr_ipv4         = local.anywhere
  ip_protocol       = each.key
  from_port         = var.media_port
  to_port           = local.media_last
}

resource "aws_vpc_security_group_ingress_rule" "ssh" {
  for_each          = var.bastion.ssh ? toset(var.bastion.ssh_sources) : toset([])
  security_group_id = aws_security_group.this["bastion"].id
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
}

# AWS's own services. DNS and time inside a VPC need no rule.
resource "aws_vpc_security_group_egress_rule" "https" {
  for_each          = toset(concat(["gateway", "node", "bastion"], var.turn ? ["turn"] : []))
  security_group_id = aws_security_group.this[each.key].id
  cidr_ipv4         = local.anywhere
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# Behind the load balancer a node answers and never begins: what it began would
# leave by the NAT gateway, with another address and at its price.
resource "aws_vpc_security_group_egress_rule" "media" {
  count             = var.public_media ? 1 : 0
  security_group_id = aws_security_group.this["node"].id
  cidr_ipv4         = local.anywhere
  ip_protocol       = "udp"
  from_port         = 1024
  to_port           = 65535
}

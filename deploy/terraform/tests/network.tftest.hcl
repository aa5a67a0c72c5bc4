mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name         = "livedub-test"
  region       = "eu-central-1"
  cidr         = "10.20.0.0/16"
  zones        = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  http_port    = 8080
  media_port   = 8443
  media_slots  = 5
  public_media = false
}

run "private_nodes" {
  command = plan
  module {
    source = "./modules/network"
  }
  assert {
    condition     = toset(keys(aws_subnet.public)) == toset(var.zones) && toset(keys(aws_subnet.private)) == toset(var.zones)
    error_message = "each zone has a public and a private subnet"
  }
  assert {
    condition     = length(distinct(concat([for s in aws_subnet.public : s.cidr_block], [for s in aws_subnet.private : s.cidr_block]))) == 6
    error_message = "no two subnets have the same addresses"
  }
  assert {
    condition     = alltrue([for s in aws_subnet.public : !s.map_public_ip_on_launch])
    error_message = "nothing gets a public address for being in a public subnet"
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "each zone has a NAT gateway"
  }
  assert {
    condition     = alltrue([for t in aws_route_table.private : alltrue([for r in t.route : try(r.gateway_id, null) == null || r.gateway_id == ""])])
    error_message = "private subnets have no way to the Internet gateway"
  }
  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && aws_vpc_endpoint.s3.service_name == "com.amazonaws.eu-central-1.s3"
    error_message = "S3 is reached by a gateway endpoint"
  }
  assert {
    condition     = length(aws_default_security_group.this.ingress) == 0
    error_message = "the default security group lets nothing in"
  }
  assert {
    condition     = length(aws_instance.bastion) == 0
    error_message = "without an AMI there is no bastion"
  }
  assert {
    condition     = toset([for r in aws_vpc_security_group_ingress_rule.media : r.ip_protocol]) == toset(["tcp", "udp"])
    error_message = "media comes by UDP and TCP"
  }
  assert {
    condition     = alltrue([for r in aws_vpc_security_group_ingress_rule.media : r.from_port == 8443 && r.to_port == 8447])
    error_message = "five nodes have five ports"
  }
  assert {
    condition     = length(aws_vpc_security_group_egress_rule.media) == 0
    error_message = "behind the load balancer nodes begin nothing by UDP, which would leave by the NAT gateway"
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.tls.from_port == 443 && aws_vpc_security_group_ingress_rule.tls.to_port == 443
    error_message = "TLS alone is open at the load balancer"
  }
  assert {
    condition     = alltrue([for r in aws_vpc_security_group_ingress_rule.inside : r.cidr_ipv4 == null])
    error_message = "inside, groups are let in, not addresses"
  }
  assert {
    condition = toset(keys(aws_vpc_security_group_ingress_rule.inside)) == toset([
      "balancer-gateway", "gateway-node", "gateway-redis", "node-node", "node-postgres", "node-redis",
    ])
    error_message = "who may reach whom is what security.tf says, and nothing else"
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.turn_open) == 0 && !contains(keys(aws_security_group.this), "turn")
    error_message = "without turn nothing is open for it"
  }
  assert {
    condition     = toset(output.node_cidrs) == toset([for s in aws_subnet.private : s.cidr_block])
    error_message = "nodes are in private subnets"
  }
}

run "turn" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    turn = true
  }
  assert {
    condition     = toset([for r in aws_vpc_security_group_ingress_rule.turn_open : "${r.ip_protocol} ${r.from_port}-${r.to_port}"]) == toset(["tcp 443-443", "udp 3478-3478"])
    error_message = "everybody reaches TURN by TLS and by UDP on 3478, and nothing else there"
  }
  assert {
    condition     = alltrue([for r in aws_vpc_security_group_ingress_rule.turn : r.cidr_ipv4 == null && r.from_port == 3478 && r.to_port == 3478])
    error_message = "the TURN server is reached through its load balancer alone"
  }
  assert {
    condition     = one(aws_vpc_security_group_egress_rule.turn_media).ip_protocol == "udp" && one(aws_vpc_security_group_egress_rule.turn_media).from_port == 8443 && one(aws_vpc_security_group_egress_rule.turn_media).to_port == 8447 && one(aws_vpc_security_group_egress_rule.turn_media).cidr_ipv4 == null
    error_message = "the TURN server reaches nodes' media ports, and no other machine or port of the VPC"
  }
  assert {
    condition     = toset(keys(aws_vpc_security_group_egress_rule.https)) == toset(["gateway", "node", "bastion", "turn"])
    error_message = "AWS's services are reached by TLS"
  }
}

run "public_media" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    public_media = true
    single_nat   = true
    bastion      = { ami = "ami-0123456789abcdef0" }
  }
  assert {
    condition     = alltrue([for r in aws_vpc_security_group_ingress_rule.media : r.from_port == 8443 && r.to_port == 8443])
    error_message = "only the media port is open"
  }
  assert {
    condition     = toset(output.node_cidrs) == toset([for s in aws_subnet.public : s.cidr_block])
    error_message = "nodes are in public subnets"
  }
  assert {
    condition     = toset(keys(aws_nat_gateway.this)) == toset(["eu-central-1a"])
    error_message = "one NAT gateway for all"
  }
  assert {
    condition     = aws_instance.bastion[0].metadata_options[0].http_tokens == "required" && aws_instance.bastion[0].root_block_device[0].encrypted
    error_message = "the bastion wants IMDSv2 and has an encrypted disk"
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.ssh) == 0 && !contains(keys(aws_vpc_security_group_ingress_rule.inside), "bastion-node")
    error_message = "without ssh nothing is open at the bastion, nor for it"
  }
  assert {
    condition     = alltrue([for a in jsondecode(aws_iam_role_policy.bastion[0].policy).Statement[0].Action : startswith(a, "ssm")])
    error_message = "the bastion's role is Session Manager's alone"
  }
}

run "bastion_ssh" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    bastion = { ami = "ami-0123456789abcdef0", ssh = true, ssh_sources = ["203.0.113.0/24"], key_name = "ops" }
  }
  assert {
    condition     = toset(keys(aws_vpc_security_group_ingress_rule.ssh)) == toset(["203.0.113.0/24"]) && aws_vpc_security_group_ingress_rule.ssh["203.0.113.0/24"].from_port == 22
    error_message = "SSH comes from the named networks alone"
  }
  assert {
    condition     = contains(keys(aws_vpc_security_group_ingress_rule.inside), "bastion-node")
    error_message = "SSH goes on to the nodes"
  }
}

run "bastion_ssh_wants_sources" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    bastion = { ami = "ami-0123456789abcdef0", ssh = true, key_name = "ops" }
  }
  expect_failures = [var.bastion]
}

run "refused" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    zones   = ["eu-central-1a"]
    bastion = { ami = "ami-0123456789abcdef0", ssh = true, ssh_sources = ["0.0.0.0/0"], key_name = "ops" }
  }
  expect_failures = [var.bastion, var.zones]
}

output "vpc_id" {
  value = aws_vpc.this.id
}

output "public_subnets" {
  description = "by zone"
  value       = { for z, s in aws_subnet.public : z => s.id }
}

output "private_subnets" {
  description = "by zone"
  value       = { for z, s in aws_subnet.private : z => s.id }
}

output "public_cidrs" {
  description = "where load balancers speak from"
  value       = [for s in aws_subnet.public : s.cidr_block]
}

output "node_cidrs" {
  description = "where nodes are"
  value       = [for s in var.public_media ? aws_subnet.public : aws_subnet.private : s.cidr_block]
}

output "security_groups" {
  description = "by role: balancer, gateway, node, postgres, redis, bastion, and with turn also turn and turn-balancer"
  value       = { for k, g in aws_security_group.this : k => g.id }
}

output "bastion_id" {
  description = "for aws ssm start-session --target; null without a bastion"
  value       = one(aws_instance.bastion[*].id)
}

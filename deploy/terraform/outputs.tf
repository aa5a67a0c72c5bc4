output "url" {
  description = "what people open, once host points to balancer"
  value       = "https://${var.host}"
}

output "balancer" {
  description = "make host an alias, or a CNAME, of it"
  value       = module.gateway.dns_name
}

output "balancer_zone_id" {
  description = "for an alias in Route 53"
  value       = module.gateway.zone_id
}

output "media_addresses" {
  description = "by zone: where media goes; empty with public_media"
  value       = module.gpu_nodes.media_addresses
}

output "media_ports" {
  description = "the ports that clients must be able to reach"
  value       = module.gpu_nodes.media_ports
}

output "node_group" {
  description = "Auto Scaling group of the nodes"
  value       = module.gpu_nodes.group
}

output "bastion" {
  description = "for aws ssm start-session --target; null without one"
  value       = module.network.bastion_id
}

output "bucket" {
  description = "where recordings are"
  value       = module.data.bucket
}

output "dashboard" {
  description = "name of the dashboard in CloudWatch"
  value       = module.observe.dashboard
}

output "turn" {
  description = "make turn.host a CNAME of it; null without a TURN server"
  value       = one(module.turn[*].dns_name)
}

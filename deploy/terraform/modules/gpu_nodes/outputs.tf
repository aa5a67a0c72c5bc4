output "group" {
  description = "name of the Auto Scaling group"
  value       = aws_autoscaling_group.node.name
}

output "group_name" {
  description = "the same, known before the group is made: gateways publish dead nodes under it"
  value       = local.group
}

output "media_addresses" {
  description = "by zone: where media goes, with the load balancer"
  value       = { for z, e in aws_eip.media : z => e.public_ip }
}

output "media_ports" {
  description = "the ports that clients must be able to reach, by UDP or TCP"
  value       = var.public_media ? [var.media_port] : values(local.slots)
}

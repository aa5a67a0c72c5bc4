output "dns_name" {
  description = "make the public name an alias, or a CNAME, of it"
  value       = aws_lb.this.dns_name
}

output "zone_id" {
  description = "for an alias in Route 53"
  value       = aws_lb.this.zone_id
}

output "balancer_suffix" {
  description = "the load balancer as CloudWatch names it"
  value       = aws_lb.this.arn_suffix
}

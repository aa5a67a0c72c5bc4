output "dns_name" {
  description = "make turn.host a CNAME of it"
  value       = aws_lb.turn.dns_name
}

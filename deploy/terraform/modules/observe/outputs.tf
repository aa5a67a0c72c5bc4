output "topic_arn" {
  description = "subscribe to it what is to hear of alarms"
  value       = aws_sns_topic.alarms.arn
}

output "dashboard" {
  value = aws_cloudwatch_dashboard.this.dashboard_name
}

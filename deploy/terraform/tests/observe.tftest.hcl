mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name            = "livedub-test"
  region          = "eu-central-1"
  group           = "livedub-test-nodes"
  balancer_suffix = "app/it/0123456789abcdef"
  alarm_email     = "ops@example.com"
}

run "alarms" {
  command = plan
  module {
    source = "./modules/observe"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.high_gpu.alarm_name == "HighGPU"
    error_message = "the alarm is HighGPU"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.high_gpu.metric_name == "GPUUtilization" && aws_cloudwatch_metric_alarm.high_gpu.namespace == "DeepLearning" && aws_cloudwatch_metric_alarm.high_gpu.threshold == 80
    error_message = "HighGPU is on GPUUtilization in DeepLearning, at 80"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.high_gpu.dimensions == tomap({ AutoScalingGroupName = "livedub-test-nodes" })
    error_message = "HighGPU is the group's"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["gpu-memory"].metric_name == "GPUMemoryUtilization"
    error_message = "an alarm on GPU memory"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["free-capacity"].metric_name == "FreeCapacity" && aws_cloudwatch_metric_alarm.this["free-capacity"].threshold == 0
    error_message = "an alarm when no place is left"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["node-deaths"].metric_name == "NodeDeaths" && aws_cloudwatch_metric_alarm.this["node-deaths"].threshold == 1
    error_message = "an alarm when a node dies"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["dub-lateness"].metric_name == "DubLateness" && aws_cloudwatch_metric_alarm.this["dub-lateness"].threshold == 0.3
    error_message = "an alarm when dubs are late"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["av-offset"].metric_name == "AVOffset" && aws_cloudwatch_metric_alarm.this["av-offset"].threshold == 0.045
    error_message = "an alarm when sound and picture part"
  }
  assert {
    condition     = alltrue([for a in aws_cloudwatch_metric_alarm.this : toset(a.alarm_actions) == toset([aws_sns_topic.alarms.arn])]) && aws_sns_topic_subscription.email[0].endpoint == "ops@example.com"
    error_message = "somebody hears of alarms"
  }
  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 6
    error_message = "a dashboard of six charts"
  }
  assert {
    condition = length(setsubtract(
      ["CPUUtilization", "GPUUtilization", "GPUMemoryUtilization", "UsedCapacity", "FreeCapacity", "DubLateness", "AVOffset", "NodeDeaths"],
      flatten([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [for m in w.properties.metrics : m[1]]]),
    )) == 0
    error_message = "the dashboard shows every metric that nodes and gateways publish"
  }
}

run "refused" {
  command = plan
  module {
    source = "./modules/observe"
  }
  variables {
    alarm_email = "ops"
  }
  expect_failures = [var.alarm_email]
}

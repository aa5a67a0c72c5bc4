# Without a key: CloudWatch may not publish to a topic under AWS's own, and alarms say nothing secret.
resource "aws_sns_topic" "alarms" {
  name = "${var.name}-alarms"
}

resource "aws_sns_topic_subscription" "email" {
  count     = var.alarm_email == "" ? 0 : 1
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

locals {
  namespace = "DeepLearning"
  by_group  = { AutoScalingGroupName = var.group }

  alarms = {
    gpu-memory = {
      metric     = "GPUMemoryUtilization"
      statistic  = "Maximum"
      comparison = "GreaterThanOrEqualToThreshold"
      threshold  = 90
      periods    = 5
      says       = "a node's GPU memory is nearly full: the next net may not be loaded"
    }
    free-capacity = {
      metric     = "FreeCapacity"
      statistic  = "Sum"
      comparison = "LessThanOrEqualToThreshold"
      threshold  = 0
      periods    = 1
      says       = "no node has a place left: new calls get 503"
    }
    node-deaths = {
      metric     = "NodeDeaths"
      statistic  = "Sum"
      comparison = "GreaterThanOrEqualToThreshold"
      threshold  = 1
      periods    = 1
      says       = "a node died; its calls went on elsewhere where there was room: see its last log lines"
    }
    dub-lateness = {
      metric     = "DubLateness"
      statistic  = "Maximum"
      comparison = "GreaterThanThreshold"
      threshold  = 0.3
      periods    = 5
      says       = "of a node's dubs in a minute one in twenty begins more than 0.3 s after its place"
    }
    av-offset = {
      metric     = "AVOffset"
      statistic  = "Maximum"
      comparison = "GreaterThanThreshold"
      threshold  = 0.045
      periods    = 5
      says       = "in one frame in twenty of a node's sound and picture are more than 45 ms apart"
    }
  }
}

# As the notes have it: put-metric-alarm HighGPU on GPUUtilization, namespace DeepLearning, threshold 80.
resource "aws_cloudwatch_metric_alarm" "high_gpu" {
  alarm_name          = var.high_gpu_alarm
  alarm_description   = "GPUs are busy at 80 % or more"
  namespace           = "DeepLearning"
  metric_name         = "GPUUtilization"
  dimensions          = local.by_group
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 2
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 80
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  namespace           = local.namespace
  metric_name         = each.value.metric
  dimensions          = local.by_group
  statistic           = each.value.statistic
  period              = 60
  evaluation_periods  = each.value.periods
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

locals {
  # The notes' two rules: one more node, as soon as one of them holds for 30 s.
  steps = {
    cpu = {
      metric    = "CPUUtilization"
      threshold = 70
      says      = "CPU at 70 % or more: one more node"
    }
    gpu-memory = {
      metric    = "GPUMemoryUtilization"
      threshold = 80
      says      = "GPU memory at 80 % or more: one more node"
    }
  }
}

resource "aws_autoscaling_policy" "step" {
  for_each                  = local.steps
  name                      = "${var.name}-${each.key}"
  autoscaling_group_name    = aws_autoscaling_group.node.name
  policy_type               = "StepScaling"
  adjustment_type           = "ChangeInCapacity"
  metric_aggregation_type   = "Average"
  estimated_instance_warmup = 60

  step_adjustment {
    metric_interval_lower_bound = "0"
    scaling_adjustment          = 1
  }
}

# Nodes publish every 10 s; a dimension of the group alone, since CloudWatch adds nothing up.
resource "aws_cloudwatch_metric_alarm" "step" {
  for_each            = local.steps
  alarm_name          = "${var.name}-scale-out-${each.key}"
  alarm_description   = each.value.says
  namespace           = "DeepLearning"
  metric_name         = each.value.metric
  dimensions          = { AutoScalingGroupName = aws_autoscaling_group.node.name }
  statistic           = "Average"
  period              = 10
  evaluation_periods  = 3
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.step[each.key].arn]
}

# Places in use are what callers notice, whatever is scarce on a node. The figures,
# here and below, are those that docs/SCALING.md simulates.
resource "aws_autoscaling_policy" "used_capacity" {
  name                      = "${var.name}-used-capacity"
  autoscaling_group_name    = aws_autoscaling_group.node.name
  policy_type               = "TargetTrackingScaling"
  estimated_instance_warmup = 20

  target_tracking_configuration {
    target_value     = var.used_capacity_target
    disable_scale_in = true

    customized_metric_specification {
      namespace   = "DeepLearning"
      metric_name = "UsedCapacity"
      statistic   = "Average"
      period      = 10
      metric_dimension {
        name  = "AutoScalingGroupName"
        value = aws_autoscaling_group.node.name
      }
    }
  }
}

# One node fewer after ten quiet minutes; nodes with sessions protect themselves from that.
resource "aws_autoscaling_policy" "in" {
  name                    = "${var.name}-in"
  autoscaling_group_name  = aws_autoscaling_group.node.name
  policy_type             = "StepScaling"
  adjustment_type         = "ChangeInCapacity"
  metric_aggregation_type = "Average"

  step_adjustment {
    metric_interval_upper_bound = "0"
    scaling_adjustment          = -1
  }
}

resource "aws_cloudwatch_metric_alarm" "in" {
  alarm_name          = "${var.name}-scale-in"
  alarm_description   = "Few places are in use: one node fewer"
  namespace           = "DeepLearning"
  metric_name         = "UsedCapacity"
  dimensions          = { AutoScalingGroupName = aws_autoscaling_group.node.name }
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 10
  comparison_operator = "LessThanThreshold"
  threshold           = var.used_capacity_low
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.in.arn]
}

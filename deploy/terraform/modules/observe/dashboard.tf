locals {
  # title, then metric and statistic of each line.
  charts = [
    ["Load, percent", [["CPUUtilization", "Average"], ["GPUUtilization", "Average"], ["GPUMemoryUtilization", "Maximum"]]],
    ["Places", [["UsedCapacity", "Average"], ["FreeCapacity", "Sum"]]],
    ["Dubs, seconds", [["DubLateness", "Maximum"], ["AVOffset", "Maximum"]]],
    ["Nodes that died", [["NodeDeaths", "Sum"]]],
  ]

  group_lines = ["GroupInServiceInstances", "GroupPendingInstances", "GroupTerminatingInstances", "WarmPoolWarmedCapacity"]
  edge_lines  = ["RequestCount", "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count"]

  widgets = concat(
    [for c in local.charts : {
      title   = c[0]
      metrics = [for l in c[1] : [local.namespace, l[0], "AutoScalingGroupName", var.group, { stat = l[1] }]]
    }],
    [
      {
        title   = "Instances"
        metrics = [for l in local.group_lines : ["AWS/AutoScaling", l, "AutoScalingGroupName", var.group, { stat = "Average" }]]
      },
      {
        title   = "Gateways' load balancer"
        metrics = [for l in local.edge_lines : ["AWS/ApplicationELB", l, "LoadBalancer", var.balancer_suffix, { stat = "Sum" }]]
      },
    ],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [for i, w in local.widgets : {
      type   = "metric"
      x      = (i % 2) * 12
      y      = floor(i / 2) * 6
      width  = 12
      height = 6
      properties = {
        title   = w.title
        metrics = w.metrics
        region  = var.region
        view    = "timeSeries"
        period  = 60
      }
    }]
  })
}

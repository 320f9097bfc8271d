# "Monitoring EventBridge Scheduler with CloudWatch": what is dropped is lost, what can't be sent to the dead-letter queue
# either; errors of the target are tried again, and are an alarm where they last.
resource "aws_cloudwatch_metric_alarm" "failed" {
  for_each = var.alarms.enabled ? {
    dropped      = { metric = "InvocationDroppedCount", periods = 1 }
    dead_letter  = { metric = "InvocationsSentToDeadLetterCount", periods = 1 }
    lost         = { metric = "InvocationsFailedToBeSentToDeadLetterCount", periods = 1 }
    target_error = { metric = "TargetErrorCount", periods = 3 }
  } : {}

  alarm_name          = "${var.group_name}-schedules-${replace(each.key, "_", "-")}"
  alarm_description   = "Schedules of ${var.group_name} could not put their messages on their queues (${each.value.metric}): look at the dead letters and at the role's permissions."
  namespace           = "AWS/Scheduler"
  metric_name         = each.value.metric
  dimensions          = { ScheduleGroup = aws_scheduler_schedule_group.this.name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
  ok_actions          = var.alarms.actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = var.alarms.enabled ? {
    errors = {
      metric = "Errors", statistic = "Sum", threshold = 0, periods = 3
      says   = "fails: not its tasks, whose failures are retries and dead letters, but the program itself, or its time is over. Look at its logs."
    }
    throttles = {
      metric = "Throttles", statistic = "Sum", threshold = 0, periods = 5
      says   = "is throttled: raise the account's concurrency, or lower maximum_concurrency."
    }
    duration = {
      metric = "Duration", statistic = "Maximum", threshold = 900 * var.timeout_seconds, periods = 1
      says   = "takes nearly as long as its timeout of ${var.timeout_seconds} s: its tasks are cut off."
    }
  } : {}

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "The Lambda function ${var.name} ${each.value.says}"
  namespace           = "AWS/Lambda"
  metric_name         = each.value.metric
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  statistic           = each.value.statistic
  period              = 60
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
  ok_actions          = var.alarms.actions
  tags                = var.tags
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

resource "aws_scheduler_schedule_group" "this" {
  name = var.group_name
  tags = var.tags
}

locals {
  now = timestamp()

  # EventBridge refuses to create a schedule that has ended.
  schedules = { for s in var.schedules : s.name => s if s.end == null || try(timecmp(s.end, plantimestamp()) > 0, true) }

  # A rate starts at a multiple of its period since the Unix epoch, so that its ticks are those of every other scheduler. The days
  # since the epoch are counted as in a year that begins in March, in which leap days come last.
  month        = tonumber(formatdate("M", local.now))
  year         = tonumber(formatdate("YYYY", local.now)) - (local.month <= 2 ? 1 : 0)
  day_of_year  = floor((153 * (local.month + (local.month > 2 ? -3 : 9)) + 2) / 5) + tonumber(formatdate("D", local.now)) - 1
  days         = 365 * local.year + floor(local.year / 4) - floor(local.year / 100) + floor(local.year / 400) + local.day_of_year - 719468
  unix_seconds = 86400 * local.days + 3600 * tonumber(formatdate("h", local.now)) + 60 * tonumber(formatdate("m", local.now)) + tonumber(formatdate("s", local.now))

  start = {
    for name, s in local.schedules : name => (
      s.start != null && try(timecmp(s.start, local.now) > 0, false) ? s.start :
      s.period_seconds == 0 ? null :
      timeadd("1970-01-01T00:00:00Z", format("%ds", ceil(local.unix_seconds / s.period_seconds) * s.period_seconds))
    )
  }
}

# EventBridge takes no StartDate of the past, also not the one that a schedule already has. So a schedule with one is
# replaced when anything of it changes.
resource "terraform_data" "with_start" {
  for_each = local.schedules

  input = each.value.start == null && each.value.period_seconds == 0 ? null : merge(each.value, { paused = var.paused })
}

resource "aws_scheduler_schedule" "this" {
  for_each = local.schedules

  name                         = each.key
  group_name                   = aws_scheduler_schedule_group.this.name
  description                  = each.value.description
  schedule_expression          = each.value.expression
  schedule_expression_timezone = each.value.time_zone
  start_date                   = local.start[each.key]
  end_date                     = each.value.end
  state                        = var.paused ? "DISABLED" : "ENABLED"

  flexible_time_window {
    mode                      = each.value.flexible_window_minutes > 0 ? "FLEXIBLE" : "OFF"
    maximum_window_in_minutes = each.value.flexible_window_minutes > 0 ? each.value.flexible_window_minutes : null
  }

  target {
    arn      = each.value.target == "sqs:SendMessage" ? var.queues[each.value.queue].arn : "arn:${data.aws_partition.current.partition}:scheduler:::aws-sdk:sqs:sendMessageBatch"
    role_arn = aws_iam_role.this.arn
    input    = replace(each.value.input, "{{queue_url}}", var.queues[each.value.queue].url)

    # What can't be put on the queue is a dead letter of the queue, which is watched anyway.
    dead_letter_config {
      arn = var.queues[each.value.queue].dead_letter_arn
    }

    retry_policy {
      maximum_event_age_in_seconds = each.value.max_event_age_seconds
      maximum_retry_attempts       = each.value.max_retry_attempts
    }
  }

  # The role must be able to send before anything fires.
  depends_on = [aws_iam_role_policy.this]

  lifecycle {
    ignore_changes       = [start_date]
    replace_triggered_by = [terraform_data.with_start[each.key]]
  }
}

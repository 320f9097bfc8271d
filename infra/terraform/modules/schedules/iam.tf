locals {
  used_queues = { for name in distinct([for s in values(local.schedules) : s.queue]) : name => var.queues[name] }
}

resource "aws_iam_role" "this" {
  name_prefix = "${trimsuffix(substr("${var.group_name}-schedules", 0, 37), "-")}-"
  description = "EventBridge Scheduler, to put the periodic tasks of ${var.group_name} on their queues."
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      # Nobody else's schedules.
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = data.aws_caller_identity.current.account_id
          "aws:SourceArn"     = aws_scheduler_schedule_group.this.arn
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "send"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Effect   = "Allow"
      Action   = "sqs:SendMessage"
      Resource = sort(flatten([for q in local.used_queues : [q.arn, q.dead_letter_arn]]))
      }], var.kms_key_arn == null ? [] : [{
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [var.kms_key_arn]
    }])
  })
}

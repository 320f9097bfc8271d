locals {
  queue_arns       = sort([for q in module.queue : q.arn])
  dead_letter_arns = sort([for q in module.queue : q.dead_letter_arn])

  key_statements = var.kms_key_arn == null ? [] : [{
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource = [var.kms_key_arn]
  }]

  # A program that follows its jobs makes their records when it enqueues.
  record_statements = var.results == null ? [] : [for s in jsondecode(module.results[0].writer_policy_json).Statement : { Effect = s.Effect, Action = s.Action, Resource = s.Resource }]

  producer_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Effect   = "Allow"
      Action   = ["sqs:GetQueueUrl", "sqs:SendMessage"]
      Resource = local.queue_arns
    }], local.record_statements, local.key_statements)
  })

  depths_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
      Resource = concat(local.queue_arns, local.dead_letter_arns)
    }]
  })

  worker_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Effect = "Allow"
        Action = [
          "sqs:ChangeMessageVisibility",
          "sqs:DeleteMessage",
          "sqs:GetQueueAttributes",
          "sqs:GetQueueUrl",
          "sqs:ReceiveMessage",
          "sqs:SendMessage",
        ]
        Resource = local.queue_arns
      },
      {
        Effect   = "Allow"
        Action   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]
        Resource = local.dead_letter_arns
      },
    ], local.record_statements, local.key_statements)
  })
}

# For other programs: a web application that enqueues, workers that run elsewhere.

resource "aws_iam_policy" "producer" {
  name_prefix = "${local.stack}-producer-"
  description = "Enqueue jobs of ${local.stack}."
  policy      = local.producer_policy
  tags        = local.tags
}

resource "aws_iam_policy" "worker" {
  name_prefix = "${local.stack}-worker-"
  description = "Work all queues of ${local.stack}."
  policy      = local.worker_policy
  tags        = local.tags
}

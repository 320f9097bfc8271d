data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  arn_prefix           = "arn:${data.aws_partition.current.partition}:sqs:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}"
  encrypt_with_own_key = var.kms_key_arn == null ? true : null

  # Nobody without TLS. Whom IAM lets in is the business of the policies that this module puts out.
  tls_only = {
    for name in [var.name, "${var.name}-dlq"] : name => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Sid       = "TLSOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = "${local.arn_prefix}:${name}"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }]
    })
  }

  # SQS asks KMS in the caller's name: to send it needs a data key, to receive the key itself.
  key_statements = var.kms_key_arn == null ? [] : [{
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource = [var.kms_key_arn]
  }]
}

resource "aws_sqs_queue" "dead_letter" {
  name                      = "${var.name}-dlq"
  message_retention_seconds = var.dead_letter_retention_seconds
  sqs_managed_sse_enabled   = local.encrypt_with_own_key
  kms_master_key_id         = var.kms_key_arn
  policy                    = local.tls_only["${var.name}-dlq"]
  tags                      = var.tags

  # By name, not by resource: the queues are made at the same time.
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = ["${local.arn_prefix}:${var.name}"]
  })
}

resource "aws_sqs_queue" "this" {
  name                       = var.name
  visibility_timeout_seconds = var.visibility_timeout_seconds
  message_retention_seconds  = var.retention_seconds
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = local.encrypt_with_own_key
  kms_master_key_id          = var.kms_key_arn
  policy                     = local.tls_only[var.name]
  tags                       = var.tags
}

# A resource of its own, so that a plan shows a change of the retries as what it is.
resource "aws_sqs_queue_redrive_policy" "this" {
  queue_url = aws_sqs_queue.this.id
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = var.max_receive_count
  })
}

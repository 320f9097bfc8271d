# What package results/dynamostore expects; a test compares the two.
resource "aws_dynamodb_table" "this" {
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "id"
  deletion_protection_enabled = var.deletion_protection
  tags                        = var.tags

  attribute {
    name = "id"
    type = "S"
  }

  attribute {
    name = "list_key"
    type = "S"
  }

  attribute {
    name = "list_at"
    type = "S"
  }

  global_secondary_index {
    name               = "listing"
    hash_key           = "list_key"
    range_key          = "list_at"
    projection_type    = "INCLUDE"
    non_key_attributes = local.listed
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  dynamic "server_side_encryption" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value
    }
  }
}

locals {
  listed = [
    "task",
    "queue",
    "state",
    "attempt",
    "runs",
    "cancel_requested",
    "enqueued_at",
    "started_at",
    "retry_at",
    "finished_at",
    "updated_at",
    "progress",
    "progress_text",
    "reason",
    "error",
    "expires_at",
  ]

  key_statements = var.kms_key_arn == null ? [] : [{
    Sid      = "RecordsKey"
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource = [var.kms_key_arn]
  }]
}

locals {
  wanted_visibility = 6 * var.timeout_seconds + var.batching_window_seconds
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  function_name    = var.name
  description      = "Works the queue ${element(split(":", var.queue.arn), 5)}."
  role             = aws_iam_role.this.arn
  package_type     = var.image_uri == null ? "Zip" : "Image"
  filename         = var.filename
  source_code_hash = var.filename == null ? null : filebase64sha256(var.filename)
  runtime          = var.image_uri == null ? "provided.al2023" : null
  handler          = var.image_uri == null ? "bootstrap" : null
  image_uri        = var.image_uri
  architectures    = [var.architecture]
  timeout          = var.timeout_seconds
  memory_size      = var.memory_mb
  kms_key_arn      = var.kms_key_arn
  tags             = var.tags

  environment {
    variables = var.environment
  }

  dynamic "tracing_config" {
    for_each = var.tracing ? ["Active"] : []

    content {
      mode = tracing_config.value
    }
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  # Logs and permissions are there before the first invocation.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]

  lifecycle {
    precondition {
      condition     = var.queue.visibility_timeout_seconds >= local.wanted_visibility
      error_message = "The queue hides a message for ${var.queue.visibility_timeout_seconds} s, and Lambda needs ${local.wanted_visibility} s: six times the function's timeout of ${var.timeout_seconds} s, and the batching window. Set LambdaTimeout (or VisibilityTimeout) in the queue's tasks.QueueSettings and write the manifest anew, or shorten the function's timeout."
    }
  }
}

resource "aws_lambda_event_source_mapping" "this" {
  function_name                      = aws_lambda_function.this.arn
  event_source_arn                   = var.queue.arn
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.batching_window_seconds
  # Without it one failed message repeats its whole batch.
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.tags

  dynamic "scaling_config" {
    for_each = var.maximum_concurrency == null ? [] : [var.maximum_concurrency]

    content {
      maximum_concurrency = scaling_config.value
    }
  }
}

resource "aws_iam_role" "this" {
  name_prefix = "${trimsuffix(substr(var.name, 0, 37), "-")}-"
  description = "The Lambda function ${var.name}."
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

locals {
  log_statement = {
    Effect   = "Allow"
    Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  # Lambda's service roles for tracing and networks can't be narrower.
  tracing_statement = {
    Effect   = "Allow"
    Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    Resource = ["*"]
  }

  vpc_statement = {
    Effect = "Allow"
    Action = [
      "ec2:AssignPrivateIpAddresses",
      "ec2:CreateNetworkInterface",
      "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSubnets",
      "ec2:UnassignPrivateIpAddresses",
    ]
    Resource = ["*"]
  }

  own_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.log_statement], var.tracing ? [local.tracing_statement] : [], var.vpc == null ? [] : [local.vpc_statement])
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = merge({ function = local.own_policy, queue = var.queue.worker_policy_json }, var.policies)

  name   = each.key
  role   = aws_iam_role.this.id
  policy = each.value
}

data "aws_caller_identity" "current" {}

locals {
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })

  # arn:PARTITION:ecs:REGION:ACCOUNT:cluster/NAME, whose tasks are arn:...:task/NAME/ID
  task_arns = "${replace(var.cluster_arn, ":cluster/", ":task/")}/*"

  own_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"]
      Resource = [local.task_arns]
    }]
  })

  secret_arns = values(var.secrets)
}

# What the program itself may do.
resource "aws_iam_role" "task" {
  name_prefix        = "${trimsuffix(substr(var.name, 0, 32), "-")}-task-"
  description        = "The containers of ${var.name}."
  assume_role_policy = local.assume_role_policy
  tags               = var.tags
}

resource "aws_iam_role_policy" "task" {
  for_each = merge({ protection = local.own_policy }, var.policies)

  name   = each.key
  role   = aws_iam_role.task.id
  policy = each.value
}

# What ECS needs to start it.
resource "aws_iam_role" "execution" {
  name_prefix        = "${trimsuffix(substr(var.name, 0, 32), "-")}-ecs-"
  description        = "ECS, to start the containers of ${var.name}."
  assume_role_policy = local.assume_role_policy
  tags               = var.tags
}

resource "aws_iam_role_policy" "execution" {
  name = "start"
  role = aws_iam_role.execution.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      },
      {
        # The token is for the whole registry.
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"]
      },
      {
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = ["arn:${element(split(":", var.cluster_arn), 1)}:ecr:*:*:repository/*"]
      },
      ], length(local.secret_arns) == 0 ? [] : [{
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue", "ssm:GetParameters"]
        Resource = local.secret_arns
    }])
  })
}

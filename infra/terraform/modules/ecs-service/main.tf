data "aws_region" "current" {}

locals {
  cluster_name = element(split("/", var.cluster_arn), 1)
  # Where the program answers 'core health' inside of its container.
  health_addr = "127.0.0.1:8001"
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/core/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_ecs_task_definition" "this" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory_mb
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  tags                     = var.tags

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  container_definitions = jsonencode([{
    name           = "core"
    image          = var.image
    essential      = true
    command        = var.command
    stopTimeout    = var.stop_timeout_seconds
    environment    = [for name, value in merge({ CORE_LOG_FORMAT = "json", CORE_HEALTH_ADDR = local.health_addr }, var.environment) : { name = name, value = value }]
    secrets        = [for name, arn in var.secrets : { name = name, valueFrom = arn }]
    portMappings   = var.port == null ? [] : [{ containerPort = var.port, hostPort = var.port, protocol = "tcp" }]
    mountPoints    = []
    volumesFrom    = []
    systemControls = []
    healthCheck = {
      command     = ["CMD", "/core", "health"]
      interval    = 30
      timeout     = 5
      retries     = 3
      startPeriod = 30
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.current.id
        awslogs-stream-prefix = "core"
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  name                   = var.name
  cluster                = var.cluster_arn
  task_definition        = aws_ecs_task_definition.this.arn
  desired_count          = var.min_tasks
  enable_execute_command = false
  propagate_tags         = "SERVICE"
  tags                   = var.tags

  capacity_provider_strategy {
    capacity_provider = var.spot ? "FARGATE_SPOT" : "FARGATE"
    weight            = 1
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = var.security_group_ids
    assign_public_ip = var.assign_public_ip
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  dynamic "load_balancer" {
    for_each = var.target_group_arn == null ? [] : [var.target_group_arn]

    content {
      target_group_arn = load_balancer.value
      container_name   = "core"
      container_port   = var.port
    }
  }

  depends_on = [aws_iam_role_policy.task, aws_iam_role_policy.execution]

  lifecycle {
    ignore_changes = [desired_count] # autoscaling's

    precondition {
      condition     = var.target_group_arn == null || var.port != null
      error_message = "A service behind a load balancer needs a port."
    }
  }
}

# It also keeps the number of tasks within its bounds when these change.
resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  resource_id        = "service/${local.cluster_name}/${aws_ecs_service.this.name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.min_tasks
  max_capacity       = var.max_tasks
  tags               = var.tags
}

locals {
  # The figures of the queue and of the service, as metric math names them.
  metrics = {
    visible = { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", stat = "Average", dimensions = { QueueName = var.queue.name } }
    # Jobs that run are no longer visible, and must not lose their task.
    running = { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesNotVisible", stat = "Average", dimensions = { QueueName = var.queue.name } }
    # Without a task there is no figure, which FILL takes for 0.
    tasks = { namespace = "ECS/ContainerInsights", name = "RunningTaskCount", stat = "Average", dimensions = { ClusterName = module.service.cluster_name, ServiceName = module.service.service_name } }
  }
}

resource "aws_appautoscaling_policy" "backlog" {
  name               = "${var.name}-backlog-per-task"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = "ecs"
  resource_id        = module.service.scalable_target.resource_id
  scalable_dimension = module.service.scalable_target.scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = var.backlog_per_task
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    customized_metric_specification {
      dynamic "metrics" {
        for_each = local.metrics

        content {
          id          = metrics.key
          label       = metrics.value.name
          return_data = false

          metric_stat {
            stat = metrics.value.stat

            metric {
              namespace   = metrics.value.namespace
              metric_name = metrics.value.name

              dynamic "dimensions" {
                for_each = metrics.value.dimensions

                content {
                  name  = dimensions.key
                  value = dimensions.value
                }
              }
            }
          }
        }
      }

      metrics {
        id          = "backlog"
        label       = "Messages per task"
        expression  = "(visible + running) / IF(FILL(tasks, 0) > 0, FILL(tasks, 0), 1)"
        return_data = true
      }
    }
  }
}

# Backlog per task can't lead out of zero tasks: there is nothing to multiply. The first task comes by a step.
resource "aws_appautoscaling_policy" "first_task" {
  count = var.min_tasks == 0 ? 1 : 0

  name               = "${var.name}-first-task"
  policy_type        = "StepScaling"
  service_namespace  = "ecs"
  resource_id        = module.service.scalable_target.resource_id
  scalable_dimension = module.service.scalable_target.scalable_dimension

  step_scaling_policy_configuration {
    adjustment_type         = "ExactCapacity"
    metric_aggregation_type = "Maximum"

    step_adjustment {
      metric_interval_lower_bound = 0
      scaling_adjustment          = 1
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "first_task" {
  count = var.min_tasks == 0 ? 1 : 0

  alarm_name          = "${var.name}-first-task"
  alarm_description   = "Starts the first task of ${var.name}: messages wait, and none runs. This alarm is a part of autoscaling."
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_appautoscaling_policy.first_task[0].arn]
  tags                = var.tags

  metric_query {
    id          = "waits"
    label       = "Messages wait and no task runs"
    expression  = "IF(visible > 0 AND FILL(tasks, 0) < 1, 1, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { for name, metric in local.metrics : name => metric if name != "running" }

    content {
      id = metric_query.key

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = 60
      }
    }
  }
}

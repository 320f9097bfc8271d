output "service_name" {
  description = "The service's name."
  value       = aws_ecs_service.this.name
}

output "cluster_name" {
  description = "The cluster's name."
  value       = local.cluster_name
}

output "task_definition_arn" {
  description = "The ARN of the task definition, with its revision."
  value       = aws_ecs_task_definition.this.arn
}

output "task_role_arn" {
  description = "The role of the containers."
  value       = aws_iam_role.task.arn
}

output "task_role_name" {
  description = "The name of the containers' role, to attach more policies to."
  value       = aws_iam_role.task.name
}

output "log_group_name" {
  description = "Where the containers log to."
  value       = aws_cloudwatch_log_group.this.name
}

output "scalable_target" {
  description = "What a scaling policy names: resource_id and scalable_dimension."
  value = {
    resource_id        = aws_appautoscaling_target.this.resource_id
    scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  }
}

output "service_name" {
  description = "The service's name."
  value       = module.service.service_name
}

output "task_definition_arn" {
  description = "The ARN of the task definition, with its revision."
  value       = module.service.task_definition_arn
}

output "task_role_arn" {
  description = "The role of the containers."
  value       = module.service.task_role_arn
}

output "task_role_name" {
  description = "The name of the containers' role, to attach more policies to."
  value       = module.service.task_role_name
}

output "log_group_name" {
  description = "Where the containers log to."
  value       = module.service.log_group_name
}

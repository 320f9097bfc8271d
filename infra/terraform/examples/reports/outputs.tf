output "environment" {
  description = "The variables that programs of this environment need."
  value       = module.core.environment
}

output "queues" {
  description = "The queues."
  value       = module.core.queues
}

output "lambda_functions" {
  description = "The functions' names by queue."
  value       = module.core.lambda_functions
}

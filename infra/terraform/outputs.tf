output "environment" {
  description = "The variables that programs of this environment need: CORE_QUEUE_PREFIX, and CORE_RESULTS where there is a table."
  value       = local.environment
}

output "queues" {
  description = "Each queue's name in SQS, ARN and URL, and its dead-letter queue's, by its name in the code."
  value = {
    for name, q in module.queue : name => {
      name            = q.name
      arn             = q.arn
      url             = q.url
      dead_letter_arn = q.dead_letter_arn
      dead_letter_url = q.dead_letter_url
    }
  }
}

output "producer_policy_arn" {
  description = "The IAM policy of programs that enqueue jobs: attach it to their roles."
  value       = aws_iam_policy.producer.arn
}

output "producer_policy_json" {
  description = "The same policy as JSON."
  value       = local.producer_policy
}

output "worker_policy_arn" {
  description = "The IAM policy of workers that run elsewhere, for all queues."
  value       = aws_iam_policy.worker.arn
}

output "worker_policy_json" {
  description = "The same policy as JSON."
  value       = local.worker_policy
}

output "results_table" {
  description = "The name of the table of job records, or null."
  value       = one(module.results[*].name)
}

output "schedule_group" {
  description = "The schedule group, or null."
  value       = one(module.schedules[*].group_name)
}

output "lambda_functions" {
  description = "The Lambda functions' names by queue."
  value       = { for name, f in module.lambda_worker : name => f.function_name }
}

output "worker_services" {
  description = "The ECS workers' service names by queue."
  value       = { for name, s in module.ecs_worker : name => s.service_name }
}

output "worker_role_names" {
  description = "The roles of Lambda functions and ECS workers by queue, to attach more policies to."
  value       = merge({ for name, f in module.lambda_worker : name => f.role_name }, { for name, s in module.ecs_worker : name => s.task_role_name })
}

output "api_service" {
  description = "The API's service name, or null."
  value       = one(module.api[*].service_name)
}

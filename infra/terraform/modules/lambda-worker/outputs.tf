output "function_name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "function_arn" {
  description = "The function's ARN."
  value       = aws_lambda_function.this.arn
}

output "role_arn" {
  description = "The function's role."
  value       = aws_iam_role.this.arn
}

output "role_name" {
  description = "The role's name, to attach more policies to."
  value       = aws_iam_role.this.name
}

output "event_source_mapping_id" {
  description = "The UUID of the event source mapping."
  value       = aws_lambda_event_source_mapping.this.uuid
}

output "log_group_name" {
  description = "Where the function logs to."
  value       = aws_cloudwatch_log_group.this.name
}

output "group_name" {
  description = "The schedule group."
  value       = aws_scheduler_schedule_group.this.name
}

output "group_arn" {
  description = "The ARN of the schedule group."
  value       = aws_scheduler_schedule_group.this.arn
}

output "role_arn" {
  description = "The role that EventBridge Scheduler takes on."
  value       = aws_iam_role.this.arn
}

output "schedules" {
  description = "The schedules' ARNs by name."
  value       = { for name, s in aws_scheduler_schedule.this : name => s.arn }
}

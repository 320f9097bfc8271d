variable "name" {
  description = "The service's name."
  type        = string
  nullable    = false
}

variable "queue" {
  description = "The queue that the service works: the outputs of module queue, and its name in the code."
  type = object({
    code_name          = string
    name               = string
    worker_policy_json = string
  })
  nullable = false
}

variable "concurrency" {
  description = "How many jobs a task runs at once."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.concurrency >= 1 && floor(var.concurrency) == var.concurrency
    error_message = "concurrency must be a whole number of 1 or more."
  }
}

variable "shutdown_timeout_seconds" {
  description = "How long a stopping worker lets its jobs run before it gives them back, 1 to 110. ECS kills the container ten seconds later."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.shutdown_timeout_seconds >= 1 && var.shutdown_timeout_seconds <= 110
    error_message = "shutdown_timeout_seconds must be 1 to 110: Fargate kills a container 120 s after it was told to stop, and the worker needs the rest to give its jobs back."
  }
}

variable "min_tasks" {
  description = "How many tasks run at least. With 0 the first job after a quiet time waits a few minutes until a task has started."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.min_tasks >= 0 && floor(var.min_tasks) == var.min_tasks
    error_message = "min_tasks must be a whole number of 0 or more."
  }
}

variable "max_tasks" {
  description = "How many tasks run at most."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.max_tasks >= 1 && var.max_tasks >= var.min_tasks
    error_message = "max_tasks must be 1 or more, and not less than min_tasks."
  }
}

variable "backlog_per_task" {
  description = "How many messages (waiting or running) a task is meant to have: how many it works in the time that a job may wait. Concurrency times that time, by how long a job takes."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.backlog_per_task >= 1
    error_message = "backlog_per_task must be 1 or more."
  }
}

variable "spot" {
  description = "Whether tasks run on Fargate Spot: cheaper, and stopped by AWS with two minutes' notice. Jobs that this interrupts run again."
  type        = bool
  default     = false
  nullable    = false
}

variable "cluster_arn" {
  description = "The ECS cluster. Its container insights must be on for workers: autoscaling needs the count of running tasks."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:ecs:[^:]+:[^:]+:cluster/.+", var.cluster_arn))
    error_message = "cluster_arn must be the ARN of an ECS cluster: arn:aws:ecs:REGION:ACCOUNT:cluster/NAME."
  }
}

variable "image" {
  description = "The container image, as the Dockerfile builds it. Name it by digest or version, so that a rollback is a plan."
  type        = string
  nullable    = false
}

variable "architecture" {
  description = "What the image was built for: ARM64 or X86_64."
  type        = string
  default     = "ARM64"
  nullable    = false

  validation {
    condition     = contains(["ARM64", "X86_64"], var.architecture)
    error_message = "architecture must be ARM64 or X86_64."
  }
}

variable "cpu" {
  description = "CPU units of a task: 256 (a quarter of a core), 512, 1024, 2048, 4096, 8192 or 16384."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "cpu must be one of Fargate's sizes: 256, 512, 1024, 2048, 4096, 8192 or 16384."
  }
}

variable "memory_mb" {
  description = "Memory of a task in MiB, one of those that Fargate allows for its cpu."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory_mb >= var.cpu * 2 && var.memory_mb <= var.cpu * 8
    error_message = "memory_mb must be 2 to 8 times cpu on Fargate."
  }
}

variable "subnet_ids" {
  description = "The subnets of the tasks. They must reach SQS, ECR and CloudWatch Logs: by endpoints, a NAT gateway, or a public address."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids must name at least one subnet, better two in different zones."
  }
}

variable "security_group_ids" {
  description = "The security groups of the tasks."
  type        = list(string)
  nullable    = false
}

variable "assign_public_ip" {
  description = "Whether tasks have a public address."
  type        = bool
  default     = false
  nullable    = false
}

variable "environment" {
  description = "Variables of the container."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "secrets" {
  description = "Variables whose values are secrets: the ARNs of Secrets Manager secrets or SSM parameters, by name."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "policies" {
  description = "IAM policies of the task's role as JSON, by name."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 30
  nullable    = false
}

variable "kms_key_arn" {
  description = "The customer key that encrypts logs. Its policy must let CloudWatch Logs use it."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
  nullable    = false
}

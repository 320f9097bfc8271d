variable "name" {
  description = "The service's name."
  type        = string
  nullable    = false
}

variable "token_secret_arn" {
  description = "The Secrets Manager secret, or SSM parameter, that holds the bearer token of the API's clients."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:(secretsmanager|ssm):", var.token_secret_arn))
    error_message = "token_secret_arn must be the ARN of a Secrets Manager secret or an SSM parameter: the API serves no network without a token."
  }
}

variable "tasks" {
  description = "How many tasks run."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.tasks >= 1 && floor(var.tasks) == var.tasks
    error_message = "tasks must be a whole number of 1 or more."
  }
}

variable "port" {
  description = "The port that the API listens on."
  type        = number
  default     = 8000
  nullable    = false

  validation {
    condition     = var.port >= 1024 && var.port <= 65535
    error_message = "port must be 1024 to 65535: the program runs without privileges."
  }
}

variable "target_group_arn" {
  description = "The target group (of type ip) of the load balancer that the API is put behind. Null leaves it reachable inside of its network only. Its health check is GET /healthz."
  type        = string
  default     = null
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

variable "name" {
  description = "The function's name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "The function name ${jsonencode(var.name)} is invalid: Lambda allows 1 to 64 letters, digits, '_' and '-'. Shorten queue_prefix or the queue's name."
  }
}

variable "queue" {
  description = "The queue that the function works: the outputs of module queue."
  type = object({
    arn                        = string
    visibility_timeout_seconds = number
    worker_policy_json         = string
  })
  nullable = false
}

variable "filename" {
  description = "The zip with the program, bootstrap, as 'make lambda' builds it. One of filename and image_uri."
  type        = string
  default     = null

  validation {
    condition     = (var.filename == null) != (var.image_uri == null)
    error_message = "Set one of filename (a zip with bootstrap) and image_uri (an image in ECR)."
  }
}

variable "image_uri" {
  description = "The image with the program, in ECR."
  type        = string
  default     = null
}

variable "architecture" {
  description = "What the program was built for: arm64 or x86_64."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64 (GOARCH=amd64)."
  }
}

variable "timeout_seconds" {
  description = "The function's timeout, which bounds each attempt of a task. The queue's visibility timeout must be at least six times this and the batching window."
  type        = number
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds is ${var.timeout_seconds} and must be a whole number of 1 to 900 (15 minutes, Lambda's limit). Let a task that needs longer run on ECS: runtime = \"ecs\" for its queue."
  }
}

variable "memory_mb" {
  description = "The function's memory in MiB. CPU comes with it: one whole core at 1769."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "memory_mb must be 128 to 10240, Lambda's limits."
  }
}

variable "batch_size" {
  description = "How many messages one invocation gets at most. Above 10, batching_window_seconds must be 1 or more."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10000 && floor(var.batch_size) == var.batch_size
    error_message = "batch_size must be a whole number of 1 to 10000, Lambda's limits."
  }

  validation {
    condition     = var.batch_size <= 10 || var.batching_window_seconds >= 1
    error_message = "A batch_size above 10 needs a batching_window_seconds of 1 or more (Lambda's rule)."
  }
}

variable "batching_window_seconds" {
  description = "How long Lambda gathers messages for a batch. 0 invokes at once."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.batching_window_seconds >= 0 && var.batching_window_seconds <= 300
    error_message = "batching_window_seconds must be 0 to 300, Lambda's limits."
  }
}

variable "maximum_concurrency" {
  description = "How many invocations run at once at most, 2 to 1000. Null leaves it to the account's limit."
  type        = number
  default     = 50

  validation {
    condition     = var.maximum_concurrency == null || try(var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000, false)
    error_message = "maximum_concurrency must be 2 to 1000 (Lambda's limits), or null for none."
  }
}

variable "environment" {
  description = "Variables of the function, beside those that the modules set."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "policies" {
  description = "More IAM policies of the function as JSON, by name: what its tasks need, and the results table's."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "tracing" {
  description = "Whether X-Ray traces the function."
  type        = bool
  default     = false
  nullable    = false
}

variable "vpc" {
  description = "The subnets and security groups of the function. Null runs it outside of a VPC; one in a VPC needs endpoints, or a NAT gateway, to reach SQS."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 30
  nullable    = false
}

variable "kms_key_arn" {
  description = "The customer key that encrypts logs and the function's variables. Its policy must let CloudWatch Logs use it."
  type        = string
  default     = null
}

variable "alarms" {
  description = "The function's alarms, and whom they tell: ARNs, such as an SNS topic's."
  type = object({
    enabled = optional(bool, true)
    actions = optional(list(string), [])
  })
  default  = {}
  nullable = false
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "name" {
  description = "The application's name. Resources are named by queue_prefix and this, and tagged core:application with it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$", var.name))
    error_message = "The name ${jsonencode(var.name)} is invalid: use 1 to 32 letters, digits, '_' and '-', beginning with a letter or digit."
  }
}

variable "queue_prefix" {
  description = "Put before every queue's name, to keep environments apart: prod- makes prod-default. Programs get it as CORE_QUEUE_PREFIX. No two applications of an account and region share one."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{0,32}$", var.queue_prefix))
    error_message = "The queue_prefix ${jsonencode(var.queue_prefix)} is invalid: use up to 32 letters, digits, '_' and '-', such as prod-."
  }
}

variable "manifest" {
  description = "What the program needs, as 'core manifest' prints it: file(\"core.json\")."
  type        = string
  nullable    = false

  validation {
    condition     = can(jsondecode(var.manifest).version)
    error_message = "The manifest can't be read: give the text that 'core manifest' prints, file(\"core.json\"), not the file's name."
  }

  validation {
    condition     = try(jsondecode(var.manifest).version, 1) <= 1
    error_message = "The manifest has version ${try(jsondecode(var.manifest).version, "?")}, and these modules read version 1. Use the modules of the release that wrote it: set ref in the module's source to that tag."
  }

  validation {
    condition     = try(jsondecode(var.manifest).version, 1) >= 1
    error_message = "The manifest has version ${try(jsondecode(var.manifest).version, "?")}, and these modules read version 1. Write it anew: core manifest > core.json."
  }

  validation {
    condition     = try(jsondecode(var.manifest).version, 0) != 1 || try(length(jsondecode(var.manifest).queues), 0) > 0
    error_message = "The manifest has no queues: the program that wrote it has no tasks. Give its registry some, and write it anew: core manifest > core.json."
  }
}

variable "queues" {
  description = "Where the jobs of each queue run, by the queue's name in the code. runtime is lambda, ecs, or none for workers that are started by other means; queues that are not named have none. The settings are those of modules lambda-worker and ecs-worker; a Lambda function's timeout is LambdaTimeout in the code unless it is set here."
  type = map(object({
    runtime = optional(string, "none")
    lambda = optional(object({
      filename                = optional(string)
      image_uri               = optional(string)
      architecture            = optional(string, "arm64")
      timeout_seconds         = optional(number)
      memory_mb               = optional(number, 256)
      batch_size              = optional(number, 10)
      batching_window_seconds = optional(number, 0)
      maximum_concurrency     = optional(number, 50)
      environment             = optional(map(string), {})
      tracing                 = optional(bool, false)
      vpc = optional(object({
        subnet_ids         = list(string)
        security_group_ids = list(string)
      }))
    }))
    ecs = optional(object({
      architecture             = optional(string, "ARM64")
      cpu                      = optional(number, 256)
      memory_mb                = optional(number, 512)
      concurrency              = optional(number, 4)
      shutdown_timeout_seconds = optional(number, 100)
      min_tasks                = optional(number, 1)
      max_tasks                = optional(number, 10)
      backlog_per_task         = optional(number, 100)
      spot                     = optional(bool, false)
      environment              = optional(map(string), {})
      secrets                  = optional(map(string), {})
    }), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.queues) : contains(try(jsondecode(var.manifest).queues[*].name, [name]), name)])
    error_message = "No task uses ${join(", ", [for name in keys(var.queues) : "queue ${jsonencode(name)}" if !contains(try(jsondecode(var.manifest).queues[*].name, []), name)])}: the manifest has ${join(", ", try(jsondecode(var.manifest).queues[*].name, []))}. Correct the name in queues, or write the manifest anew: core manifest > core.json."
  }

  validation {
    condition     = alltrue([for q in var.queues : contains(["lambda", "ecs", "none"], q.runtime)])
    error_message = "The runtime of ${join(", ", [for name, q in var.queues : "queue ${jsonencode(name)}" if !contains(["lambda", "ecs", "none"], q.runtime)])} must be lambda, ecs or none."
  }

  validation {
    condition     = alltrue([for q in var.queues : q.runtime != "lambda" || q.lambda != null])
    error_message = "The runtime of ${join(", ", [for name, q in var.queues : "queue ${jsonencode(name)}" if q.runtime == "lambda" && q.lambda == null])} is lambda: set lambda = { filename = \"lambda.zip\" }, the zip that 'make lambda' builds, or image_uri."
  }

  validation {
    condition     = alltrue([for q in var.queues : q.runtime != "ecs" || var.ecs != null])
    error_message = "The runtime of ${join(", ", [for name, q in var.queues : "queue ${jsonencode(name)}" if q.runtime == "ecs" && var.ecs == null])} is ecs: set ecs = { cluster_arn, image, subnet_ids, security_group_ids }."
  }

  validation {
    condition = alltrue([for name, q in var.queues : q.runtime != "lambda" || try(q.lambda.timeout_seconds, null) != null || try(one([
      for m in jsondecode(var.manifest).queues : m.lambda_timeout_seconds if m.name == name]), null) != null
    ])
    error_message = "A queue's runtime is lambda, and nothing says what its function's timeout is: set LambdaTimeout in its tasks.QueueSettings and write the manifest anew, which also gives the queue a visibility timeout that suits it, or set lambda.timeout_seconds."
  }

  validation {
    condition = alltrue([for name, q in var.queues : q.runtime != "lambda" || alltrue([
      for t in try(jsondecode(var.manifest).tasks, []) : try(t.timeout_seconds <= q.lambda.timeout_seconds, true) if t.queue == name
    ])])
    error_message = "The Lambda function of a queue has a shorter timeout than a task on it: ${join(", ", flatten([for name, q in var.queues : [for t in try(jsondecode(var.manifest).tasks, []) : "${t.name} (${t.timeout_seconds} s)" if t.queue == name && !try(t.timeout_seconds <= q.lambda.timeout_seconds, true)] if q.runtime == "lambda"]))}. Raise lambda.timeout_seconds, or shorten the task's Timeout."
  }
}

variable "ecs" {
  description = "Where services run: the cluster (with container insights), the image, and its network. Needed where a runtime is ecs, and for the API."
  type = object({
    cluster_arn        = string
    image              = string
    subnet_ids         = list(string)
    security_group_ids = list(string)
    assign_public_ip   = optional(bool, false)
  })
  default = null
}

variable "schedules" {
  description = "What becomes of the periodic tasks: enabled and paused are schedules of EventBridge, none is for environments in which 'core scheduler' fires them, such as LocalStack."
  type        = string
  default     = "enabled"
  nullable    = false

  validation {
    condition     = contains(["enabled", "paused", "none"], var.schedules)
    error_message = "schedules must be enabled, paused or none."
  }
}

variable "results" {
  description = "The table of job records. Null keeps none."
  type = object({
    point_in_time_recovery = optional(bool, true)
    deletion_protection    = optional(bool, true)
  })
  default = null
}

variable "api" {
  description = "The HTTP API ('core run') as a service. Null runs none. token_secret_arn is the secret that holds its clients' bearer token."
  type = object({
    token_secret_arn = string
    tasks            = optional(number, 2)
    port             = optional(number, 8000)
    target_group_arn = optional(string)
    architecture     = optional(string, "ARM64")
    cpu              = optional(number, 256)
    memory_mb        = optional(number, 512)
    environment      = optional(map(string), {})
  })
  default = null

  validation {
    condition     = var.api == null || var.ecs != null
    error_message = "The API runs on ECS: set ecs = { cluster_arn, image, subnet_ids, security_group_ids }."
  }
}

variable "task_policies" {
  description = "IAM policies of the workers as JSON, by name: what the tasks themselves need, such as a bucket."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "kms_key_arn" {
  description = "The customer key that encrypts messages, records, logs and the variables of functions. Null uses the services' own keys. Its policy must let CloudWatch Logs use it."
  type        = string
  default     = null
}

variable "alarms" {
  description = "The alarms: whom they tell (ARNs, such as an SNS topic's), how old a queue's oldest message may be, and how many may wait."
  type = object({
    enabled                = optional(bool, true)
    actions                = optional(list(string), [])
    oldest_message_seconds = optional(number, 900)
    depth                  = optional(number, 100000)
  })
  default  = {}
  nullable = false
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 30
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that can have some, beside core:application."
  type        = map(string)
  default     = {}
  nullable    = false
}

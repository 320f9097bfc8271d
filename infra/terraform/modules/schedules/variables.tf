variable "group_name" {
  description = "The schedule group, which belongs to this application alone: the prefix of its queues and its name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_.-]{1,58}$", var.group_name))
    error_message = "The schedule group ${jsonencode(var.group_name)} is invalid: EventBridge allows 64 letters, digits, '_', '-' and '.', of which the group of one-time schedules needs 6. Shorten name or queue_prefix."
  }
}

variable "schedules" {
  description = "The schedules of a manifest, as 'core manifest' prints them."
  type = list(object({
    name                    = string
    description             = string
    queue                   = string
    expression              = string
    time_zone               = string
    period_seconds          = number
    start                   = optional(string)
    end                     = optional(string)
    flexible_window_minutes = number
    max_event_age_seconds   = number
    max_retry_attempts      = number
    target                  = string
    input                   = string
  }))
  nullable = false

  validation {
    condition     = alltrue([for s in var.schedules : contains(["sqs:SendMessage", "sqs:SendMessageBatch"], s.target)])
    error_message = "A schedule has a target that this module does not know: ${join(", ", [for s in var.schedules : "${s.name} (${s.target})" if !contains(["sqs:SendMessage", "sqs:SendMessageBatch"], s.target)])}. Use the modules of the release that wrote the manifest."
  }
}

variable "queues" {
  description = "The queues that the schedules name, by their name in the code."
  type = map(object({
    arn             = string
    url             = string
    dead_letter_arn = string
  }))
  nullable = false
}

variable "paused" {
  description = "Whether all schedules are disabled."
  type        = bool
  default     = false
  nullable    = false
}

variable "kms_key_arn" {
  description = "The customer key that encrypts the queues, if any."
  type        = string
  default     = null
}

variable "alarms" {
  description = "The alarms, and whom they tell: ARNs, such as an SNS topic's."
  type = object({
    enabled = optional(bool, true)
    actions = optional(list(string), [])
  })
  default  = {}
  nullable = false
}

variable "tags" {
  description = "Tags of everything that can have some. Single schedules can't; their group can."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "name" {
  description = "The queue's name in SQS, with the prefix of its environment. Its dead-letter queue is this with -dlq behind it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,76}$", var.name))
    error_message = "The queue name ${jsonencode(var.name)} is invalid: use 1 to 76 letters, digits, '_' and '-' (SQS allows 80, and the dead-letter queue adds -dlq). Shorten queue_prefix or the name in tasks.Queue."
  }

  validation {
    condition     = !endswith(var.name, "-dlq")
    error_message = "The queue name ${jsonencode(var.name)} is invalid: names that end in -dlq are kept for dead-letter queues. Rename it in tasks.Queue."
  }
}

variable "visibility_timeout_seconds" {
  description = "How long a received message stays hidden unless it is extended."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.visibility_timeout_seconds >= 5 && var.visibility_timeout_seconds <= 43200 && floor(var.visibility_timeout_seconds) == var.visibility_timeout_seconds
    error_message = "visibility_timeout_seconds must be a whole number of 5 to 43200 (12 hours, SQS's limit)."
  }
}

variable "max_receive_count" {
  description = "After how many receives the redrive policy moves a message to the dead-letter queue."
  type        = number
  default     = 6
  nullable    = false

  validation {
    condition     = var.max_receive_count >= 1 && var.max_receive_count <= 1000 && floor(var.max_receive_count) == var.max_receive_count
    error_message = "max_receive_count must be a whole number of 1 to 1000, SQS's limits."
  }
}

variable "retention_seconds" {
  description = "How long a message waits before SQS drops it."
  type        = number
  default     = 345600
  nullable    = false

  validation {
    condition     = var.retention_seconds >= 60 && var.retention_seconds <= 1209600
    error_message = "retention_seconds must be 60 to 1209600 (14 days), SQS's limits."
  }
}

variable "dead_letter_retention_seconds" {
  description = "How long a dead letter is kept. One that the redrive policy moved keeps its age, so this must be longer than retention_seconds."
  type        = number
  default     = 1209600
  nullable    = false

  validation {
    condition     = var.dead_letter_retention_seconds > var.retention_seconds && var.dead_letter_retention_seconds <= 1209600
    error_message = "dead_letter_retention_seconds must be longer than retention_seconds, since a dead letter keeps its age, and at most 1209600 (14 days)."
  }
}

variable "kms_key_arn" {
  description = "The customer key that encrypts the messages. Null encrypts them with SQS's own key. The key's policy must leave access to IAM, as the default one does."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key (arn:aws:kms:REGION:ACCOUNT:key/ID), or null for SQS's own key."
  }
}

variable "alarms" {
  description = "The queue's alarms: whom they tell (ARNs, such as an SNS topic's), how old the oldest message may be, and how many may wait."
  type = object({
    enabled                = optional(bool, true)
    actions                = optional(list(string), [])
    oldest_message_seconds = optional(number, 900)
    depth                  = optional(number, 100000)
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

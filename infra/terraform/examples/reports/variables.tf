variable "queue_prefix" {
  description = "The environment: dev-, prod- and so on."
  type        = string
  default     = "dev-"
}

variable "manifest_file" {
  description = "What 'core manifest' printed."
  type        = string
  default     = "core.json"
}

variable "lambda_zip" {
  description = "The zip that 'make lambda' builds. Null leaves the queues to workers that are started by hand."
  type        = string
  default     = null
}

variable "lambda_architecture" {
  description = "What the zip was built for: arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "lambda_environment" {
  description = "More variables of the functions."
  type        = map(string)
  default     = {}
}

variable "results" {
  description = "Whether there is a table of job records."
  type        = bool
  default     = false
}

variable "alarms" {
  description = "Whether there are alarms."
  type        = bool
  default     = true
}

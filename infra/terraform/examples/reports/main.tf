# The example application. With an empty AWS account, or LocalStack:
#
#   core manifest > core.json
#   terraform init
#   terraform apply

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80"
    }
  }
}

# Region, credentials and endpoint come from the environment: AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL.
provider "aws" {}

module "core" {
  source = "../.."

  name         = "reports"
  queue_prefix = var.queue_prefix
  manifest     = file(var.manifest_file)

  queues = var.lambda_zip == null ? {} : {
    for name in ["default", "high-priority"] : name => {
      runtime = "lambda"
      lambda = {
        filename     = var.lambda_zip
        architecture = var.lambda_architecture
        environment  = var.lambda_environment
      }
    }
  }

  # An example is there to be destroyed.
  results = var.results ? { deletion_protection = false, point_in_time_recovery = false } : null
  alarms  = { enabled = var.alarms }
  tags    = { environment = trimsuffix(var.queue_prefix, "-") }
}

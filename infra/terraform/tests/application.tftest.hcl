# A whole application: what comes out, and what fits together.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name         = "shop"
  queue_prefix = "prod-"
  manifest     = file("tests/manifest.json")
}

run "queues_only" {
  variables {
    schedules = "none"
  }
  assert {
    condition     = join(",", keys(output.queues)) == "default,slow" && output.queues.default.name == "prod-default"
    error_message = "The queues are not those of the manifest."
  }
  assert {
    condition     = jsonencode(output.environment) == jsonencode({ CORE_QUEUE_PREFIX = "prod-" })
    error_message = "Programs are told something else."
  }
  assert {
    condition     = output.schedule_group == null && output.results_table == null && output.api_service == null && length(output.lambda_functions) == 0
    error_message = "There is more than was asked for."
  }
  assert {
    condition     = flatten([for s in jsondecode(output.producer_policy_json).Statement : s.Action]) == ["sqs:GetQueueUrl", "sqs:SendMessage"]
    error_message = "A producer may do more than enqueue, or less."
  }
  assert {
    condition     = !strcontains(output.worker_policy_json, "*")
    error_message = "A worker may touch what is not its own."
  }
}

run "everything" {
  variables {
    queues = {
      default = { runtime = "lambda", lambda = { filename = "tests/manifest.json" } }
      slow    = { runtime = "ecs", ecs = { min_tasks = 0, spot = true } }
    }
    ecs = {
      cluster_arn        = "arn:aws:ecs:eu-west-1:111122223333:cluster/main"
      image              = "core:1"
      subnet_ids         = ["subnet-1"]
      security_group_ids = ["sg-1"]
    }
    api         = { token_secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:token" }
    results     = {}
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1"
    alarms      = { actions = ["arn:aws:sns:eu-west-1:111122223333:alarms"] }
  }
  assert {
    condition     = output.lambda_functions == { default = "prod-shop-default" } && output.worker_services == { slow = "prod-shop-slow" } && output.api_service == "prod-shop-api"
    error_message = "The programs have other names."
  }
  assert {
    condition     = jsonencode(output.environment) == jsonencode({ CORE_QUEUE_PREFIX = "prod-", CORE_RESULTS = "dynamodb://prod-shop-jobs" })
    error_message = "Programs are told something else."
  }
  assert {
    condition     = output.schedule_group == "prod-shop"
    error_message = "The group is not the one of 'core schedules'."
  }
  assert {
    condition     = strcontains(output.producer_policy_json, "kms:GenerateDataKey") && strcontains(output.producer_policy_json, "dynamodb:UpdateItem")
    error_message = "A producer can't use the key, or can't make records."
  }
}

run "schedules" {
  module {
    source = "./modules/schedules"
  }
  variables {
    group_name = "prod-shop"
    schedules  = jsondecode(file("tests/manifest.json")).schedules
    queues = {
      default = { arn = "arn:aws:sqs:eu-west-1:111122223333:default", url = "https://default", dead_letter_arn = "arn:aws:sqs:eu-west-1:111122223333:default-dlq" }
      slow    = { arn = "arn:aws:sqs:eu-west-1:111122223333:slow", url = "https://slow", dead_letter_arn = "arn:aws:sqs:eu-west-1:111122223333:slow-dlq" }
    }
  }
  assert {
    condition     = join(",", keys(output.schedules)) == "cleanup,later,tick"
    error_message = "A schedule that has ended can't be created."
  }
  assert {
    condition     = aws_scheduler_schedule.this["cleanup"].start_date == null && aws_scheduler_schedule.this["later"].start_date == "2199-01-01T00:00:00Z"
    error_message = "A start that is ahead is kept, and cron needs none."
  }
  # A multiple of seven minutes since 1970, at most seven minutes ahead. A day that is counted wrongly would show: a day is no multiple.
  assert {
    condition = timecmp(aws_scheduler_schedule.this["tick"].start_date, timeadd(plantimestamp(), "-60s")) >= 0 && timecmp(
    aws_scheduler_schedule.this["tick"].start_date, timeadd(timestamp(), "420s")) <= 0
    error_message = "The rate starts at ${aws_scheduler_schedule.this["tick"].start_date}, not soon."
  }
  assert {
    condition     = aws_scheduler_schedule.this["tick"].target[0].arn == "arn:aws:scheduler:::aws-sdk:sqs:sendMessageBatch" && aws_scheduler_schedule.this["tick"].target[0].input == "{\"QueueUrl\":\"https://slow\",\"Entries\":[]}"
    error_message = "The batch goes elsewhere."
  }
  assert {
    condition     = aws_scheduler_schedule.this["cleanup"].target[0].input == "{\"id\":\"cleanup@<aws.scheduler.scheduled-time>\"}"
    error_message = "EventBridge would not find its placeholder."
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.failed) == 4
    error_message = "Alarms are missing."
  }
}

run "paused_schedules" {
  command = plan
  module {
    source = "./modules/schedules"
  }
  variables {
    group_name = "prod-shop"
    schedules  = [for s in jsondecode(file("tests/manifest.json")).schedules : s if s.name == "cleanup"]
    paused     = true
    queues     = { default = { arn = "arn:aws:sqs:eu-west-1:111122223333:default", url = "https://default", dead_letter_arn = "arn:aws:sqs:eu-west-1:111122223333:default-dlq" } }
  }
  assert {
    condition     = aws_scheduler_schedule.this["cleanup"].state == "DISABLED"
    error_message = "The schedule is not paused."
  }
}

# The limits of each module's variables, on both sides.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "queue_at_its_lower_limits" {
  command = plan
  module {
    source = "./modules/queue"
  }
  variables {
    name                          = "q"
    visibility_timeout_seconds    = 5
    max_receive_count             = 1
    retention_seconds             = 60
    dead_letter_retention_seconds = 61
  }
}

run "queue_at_its_upper_limits" {
  command = plan
  module {
    source = "./modules/queue"
  }
  variables {
    name                          = "q2222222222222222222222222222222222222222222222222222222222222222222222222_-"
    visibility_timeout_seconds    = 43200
    max_receive_count             = 1000
    retention_seconds             = 1209599
    dead_letter_retention_seconds = 1209600
  }
}

run "queue_beyond_its_limits" {
  command = plan
  module {
    source = "./modules/queue"
  }
  variables {
    name                          = "qq2222222222222222222222222222222222222222222222222222222222222222222222222_-"
    visibility_timeout_seconds    = 43201
    max_receive_count             = 1001
    dead_letter_retention_seconds = 1209601
    kms_key_arn                   = "alias/mine"
  }
  expect_failures = [
    var.name, var.visibility_timeout_seconds, var.max_receive_count, var.dead_letter_retention_seconds, var.kms_key_arn,
  ]
}

run "queue_that_keeps_nothing" {
  command = plan
  module {
    source = "./modules/queue"
  }
  variables {
    name              = "mail"
    retention_seconds = 59
  }
  expect_failures = [var.retention_seconds]
}

run "queue_named_like_a_dead_letter_queue" {
  command = plan
  module {
    source = "./modules/queue"
  }
  variables {
    name = "mail-dlq"
  }
  expect_failures = [var.name]
}

run "queue_whose_dead_letters_arrive_too_old" {
  command = plan
  module {
    source = "./modules/queue"
  }
  variables {
    name                          = "mail"
    retention_seconds             = 86400
    dead_letter_retention_seconds = 86400
  }
  expect_failures = [var.dead_letter_retention_seconds]
}

run "queue_with_a_key" {
  command = plan
  module {
    source = "./modules/queue"
  }
  variables {
    name        = "mail"
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1"
  }
  assert {
    condition     = aws_sqs_queue.this.kms_master_key_id == var.kms_key_arn && aws_sqs_queue.dead_letter.kms_master_key_id == var.kms_key_arn
    error_message = "The queues are not encrypted with the key."
  }
}

run "function_at_its_limits" {
  command = plan
  module {
    source = "./modules/lambda-worker"
  }
  variables {
    name                    = "f"
    queue                   = { arn = "arn:aws:sqs:eu-west-1:111122223333:q", visibility_timeout_seconds = 5700, worker_policy_json = "{}" }
    filename                = "tests/manifest.json"
    timeout_seconds         = 900
    batch_size              = 10000
    batching_window_seconds = 300
    maximum_concurrency     = 1000
    memory_mb               = 10240
  }
  assert {
    condition     = aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "One failed message would repeat its whole batch."
  }
}

run "function_beyond_its_limits" {
  command = plan
  module {
    source = "./modules/lambda-worker"
  }
  variables {
    name                    = "f g"
    queue                   = { arn = "arn:aws:sqs:eu-west-1:111122223333:q", visibility_timeout_seconds = 43200, worker_policy_json = "{}" }
    timeout_seconds         = 901
    batch_size              = 11
    batching_window_seconds = 0
    maximum_concurrency     = 1
    memory_mb               = 127
    architecture            = "riscv"
  }
  expect_failures = [
    var.name, var.filename, var.timeout_seconds, var.batch_size, var.maximum_concurrency, var.memory_mb, var.architecture,
  ]
}

run "function_on_a_queue_that_hides_too_short" {
  command = plan
  module {
    source = "./modules/lambda-worker"
  }
  variables {
    name                    = "f"
    queue                   = { arn = "arn:aws:sqs:eu-west-1:111122223333:q", visibility_timeout_seconds = 5699, worker_policy_json = "{}" }
    filename                = "tests/manifest.json"
    timeout_seconds         = 900
    batching_window_seconds = 300
  }
  expect_failures = [aws_lambda_function.this]
}

run "worker_that_takes_longer_to_stop_than_it_has" {
  command = plan
  module {
    source = "./modules/ecs-worker"
  }
  variables {
    name                     = "w"
    queue                    = { code_name = "default", name = "default", worker_policy_json = "{}" }
    cluster_arn              = "arn:aws:ecs:eu-west-1:111122223333:cluster/main"
    image                    = "core:1"
    subnet_ids               = ["subnet-1"]
    security_group_ids       = ["sg-1"]
    shutdown_timeout_seconds = 111
    concurrency              = 0
    max_tasks                = 0
    backlog_per_task         = 0
  }
  expect_failures = [var.shutdown_timeout_seconds, var.concurrency, var.max_tasks, var.backlog_per_task]
}

run "worker_from_zero" {
  command = apply
  module {
    source = "./modules/ecs-worker"
  }
  variables {
    name                     = "w"
    queue                    = { code_name = "default", name = "prod-default", worker_policy_json = "{}" }
    cluster_arn              = "arn:aws:ecs:eu-west-1:111122223333:cluster/main"
    image                    = "core:1"
    subnet_ids               = ["subnet-1"]
    security_group_ids       = ["sg-1"]
    shutdown_timeout_seconds = 110
    min_tasks                = 0
    spot                     = true
  }
  assert {
    condition     = length(aws_appautoscaling_policy.first_task) == 1 && length(aws_cloudwatch_metric_alarm.first_task) == 1
    error_message = "Nothing starts the first task."
  }
}

run "worker_from_one" {
  command = plan
  module {
    source = "./modules/ecs-worker"
  }
  variables {
    name               = "w"
    queue              = { code_name = "default", name = "prod-default", worker_policy_json = "{}" }
    cluster_arn        = "arn:aws:ecs:eu-west-1:111122223333:cluster/main"
    image              = "core:1"
    subnet_ids         = ["subnet-1"]
    security_group_ids = ["sg-1"]
  }
  assert {
    condition     = length(aws_appautoscaling_policy.first_task) == 0
    error_message = "A service that has a task always needs none to be started."
  }
}

run "service_stops_in_time" {
  command = apply
  module {
    source = "./modules/ecs-service"
  }
  variables {
    name                 = "w"
    command              = ["worker"]
    stop_timeout_seconds = 120
    min_tasks            = 1
    max_tasks            = 1
    cluster_arn          = "arn:aws:ecs:eu-west-1:111122223333:cluster/main"
    image                = "core:1"
    subnet_ids           = ["subnet-1"]
    security_group_ids   = ["sg-1"]
    environment          = { CORE_QUEUE_PREFIX = "prod-" }
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].stopTimeout == 120
    error_message = "The container has another stop timeout."
  }
  assert {
    condition     = contains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment, { name = "CORE_QUEUE_PREFIX", value = "prod-" })
    error_message = "The program does not get its prefix."
  }
  assert {
    condition     = aws_appautoscaling_target.this.resource_id == "service/main/w"
    error_message = "Autoscaling is of another service."
  }
}

run "service_beyond_its_limits" {
  command = plan
  module {
    source = "./modules/ecs-service"
  }
  variables {
    name                 = "w w"
    command              = ["worker"]
    stop_timeout_seconds = 121
    min_tasks            = 2
    max_tasks            = 1
    cluster_arn          = "main"
    image                = "core:1"
    subnet_ids           = []
    security_group_ids   = []
    memory_mb            = 100
    architecture         = "arm"
  }
  expect_failures = [
    var.name, var.stop_timeout_seconds, var.max_tasks, var.cluster_arn, var.subnet_ids, var.memory_mb, var.architecture,
  ]
}

run "service_of_no_size" {
  command = plan
  module {
    source = "./modules/ecs-service"
  }
  variables {
    name               = "w"
    command            = ["worker"]
    min_tasks          = -1
    max_tasks          = 1
    cluster_arn        = "arn:aws:ecs:eu-west-1:111122223333:cluster/main"
    image              = "core:1"
    subnet_ids         = ["subnet-1"]
    security_group_ids = []
    cpu                = 300
  }
  expect_failures = [var.min_tasks, var.cpu]
}

run "api_without_a_token" {
  command = plan
  module {
    source = "./modules/api"
  }
  variables {
    name               = "api"
    token_secret_arn   = "secret"
    port               = 80
    tasks              = 0
    cluster_arn        = "arn:aws:ecs:eu-west-1:111122223333:cluster/main"
    image              = "core:1"
    subnet_ids         = ["subnet-1"]
    security_group_ids = ["sg-1"]
  }
  expect_failures = [var.token_secret_arn, var.port, var.tasks]
}

run "table_with_an_invalid_name" {
  command = plan
  module {
    source = "./modules/results"
  }
  variables {
    name = "a b"
  }
  expect_failures = [var.name]
}

run "schedules_of_an_unknown_kind" {
  command = plan
  module {
    source = "./modules/schedules"
  }
  variables {
    group_name = "a group"
    queues     = {}
    schedules = [{
      name                    = "s", description = "", queue = "q", expression = "rate(1 hour)", time_zone = "UTC", period_seconds = 3600
      flexible_window_minutes = 0, max_event_age_seconds = 60, max_retry_attempts = 0, target = "sns:Publish", input = "{}"
    }]
  }
  # The plan goes on without the queue of that schedule, which can't be found.
  expect_failures = [var.group_name, var.schedules]
}

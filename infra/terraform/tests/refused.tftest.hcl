# What must not be planned. Each message says how to mend it, which internal tests can't see: it is in the expression that
# fails here.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name     = "shop"
  manifest = file("tests/manifest.json")
}

run "a_manifest_that_is_a_file_name" {
  command = plan
  variables {
    manifest = "core.json"
  }
  expect_failures = [var.manifest]
}

run "a_newer_manifest" {
  command = plan
  variables {
    manifest = jsonencode(merge(jsondecode(file("tests/manifest.json")), { version = 2 }))
  }
  expect_failures = [var.manifest]
}

run "a_manifest_without_queues" {
  command = plan
  variables {
    manifest = "{\"version\": 1, \"queues\": [], \"tasks\": [], \"schedules\": []}"
  }
  expect_failures = [var.manifest]
}

run "an_invalid_name" {
  command = plan
  variables {
    name = "my shop"
  }
  expect_failures = [var.name]
}

run "an_invalid_prefix" {
  command = plan
  variables {
    queue_prefix = "prod."
  }
  expect_failures = [var.queue_prefix]
}

run "a_runtime_for_a_queue_that_does_not_exist" {
  command = plan
  variables {
    queues = { dfault = { runtime = "none" } }
  }
  expect_failures = [var.queues]
}

run "an_unknown_runtime" {
  command = plan
  variables {
    queues = { default = { runtime = "fargate" } }
  }
  expect_failures = [var.queues]
}

run "a_function_without_a_program" {
  command = plan
  variables {
    queues = { default = { runtime = "lambda" } }
  }
  expect_failures = [var.queues]
}

run "a_function_without_a_timeout" {
  command = plan
  variables {
    queues = { slow = { runtime = "lambda", lambda = { filename = "tests/manifest.json" } } }
  }
  expect_failures = [var.queues]
}

run "a_function_that_ends_before_its_tasks" {
  command = plan
  variables {
    queues = { default = { runtime = "lambda", lambda = { filename = "tests/manifest.json", timeout_seconds = 299 } } }
  }
  expect_failures = [var.queues]
}

run "a_service_without_a_cluster" {
  command = plan
  variables {
    queues = { slow = { runtime = "ecs" } }
  }
  expect_failures = [var.queues]
}

run "an_api_without_a_cluster" {
  command = plan
  variables {
    api = { token_secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:token" }
  }
  expect_failures = [var.api]
}

run "unknown_schedules" {
  command = plan
  variables {
    schedules = "off"
  }
  expect_failures = [var.schedules]
}

run "a_prefix_of_another_application" {
  command = plan
  variables {
    queue_prefix = "prod-"
  }
  override_data {
    target = data.aws_sqs_queues.existing
    values = { queue_urls = ["https://sqs.eu-west-1.amazonaws.com/111122223333/prod-default"] }
  }
  override_data {
    target = data.aws_sqs_queue.existing
    values = { tags = { "core:application" = "billing" } }
  }
  expect_failures = [data.aws_sqs_queue.existing]
}

run "the_own_queues_are_no_other_application" {
  command = plan
  override_data {
    target = data.aws_sqs_queues.existing
    values = { queue_urls = ["https://sqs.eu-west-1.amazonaws.com/111122223333/default"] }
  }
  override_data {
    target = data.aws_sqs_queue.existing
    values = { tags = { "core:application" = "shop" } }
  }
}

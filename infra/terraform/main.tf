locals {
  manifest = jsondecode(var.manifest)
  queues   = { for q in local.manifest.queues : q.name => q }
  runtime  = { for name in keys(local.queues) : name => try(var.queues[name].runtime, "none") }
  stack    = "${var.queue_prefix}${var.name}"
  tags     = merge(var.tags, { "core:application" = var.name })

  # What every program of the application is told.
  environment = merge(
    { CORE_QUEUE_PREFIX = var.queue_prefix },
    var.results == null ? {} : { CORE_RESULTS = module.results[0].url },
  )
  records_policies = var.results == null ? {} : { records = module.results[0].writer_policy_json }
}

# A queue of that name may be there already. SQS would hand it out to a second application without a word.
data "aws_sqs_queues" "existing" {
  queue_name_prefix = var.queue_prefix == "" ? null : var.queue_prefix
}

# tflint-ignore: terraform_unused_declarations # its postcondition is what it is for
data "aws_sqs_queue" "existing" {
  for_each = toset([
    for name in keys(local.queues) : "${var.queue_prefix}${name}"
    if contains([for url in coalesce(data.aws_sqs_queues.existing.queue_urls, []) : element(reverse(split("/", url)), 0)], "${var.queue_prefix}${name}")
  ])

  name = each.key

  lifecycle {
    postcondition {
      condition     = lookup(coalesce(self.tags, {}), "core:application", var.name) == var.name
      error_message = "Queue ${each.key} belongs to application ${jsonencode(lookup(coalesce(self.tags, {}), "core:application", ""))} (its tag core:application), not to ${jsonencode(var.name)}: two applications can't share a queue_prefix. Choose another for one of them."
    }
  }
}

module "queue" {
  source   = "./modules/queue"
  for_each = local.queues

  name                          = "${var.queue_prefix}${each.key}"
  visibility_timeout_seconds    = each.value.visibility_timeout_seconds
  max_receive_count             = each.value.max_receive_count
  retention_seconds             = each.value.retention_seconds
  dead_letter_retention_seconds = each.value.dead_letter_retention_seconds
  kms_key_arn                   = var.kms_key_arn
  alarms                        = var.alarms
  tags                          = local.tags
}

module "schedules" {
  source = "./modules/schedules"
  count  = var.schedules != "none" && length(local.manifest.schedules) > 0 ? 1 : 0

  group_name  = local.stack
  schedules   = local.manifest.schedules
  queues      = { for name, q in module.queue : name => { arn = q.arn, url = q.url, dead_letter_arn = q.dead_letter_arn } }
  paused      = var.schedules == "paused"
  kms_key_arn = var.kms_key_arn
  alarms      = { enabled = var.alarms.enabled, actions = var.alarms.actions }
  tags        = local.tags
}

module "results" {
  source = "./modules/results"
  count  = var.results == null ? 0 : 1

  name                   = "${local.stack}-jobs"
  point_in_time_recovery = var.results.point_in_time_recovery
  deletion_protection    = var.results.deletion_protection
  kms_key_arn            = var.kms_key_arn
  tags                   = local.tags
}

module "lambda_worker" {
  source   = "./modules/lambda-worker"
  for_each = { for name, runtime in local.runtime : name => var.queues[name].lambda if runtime == "lambda" }

  name                    = "${local.stack}-${each.key}"
  queue                   = module.queue[each.key]
  filename                = each.value.filename
  image_uri               = each.value.image_uri
  architecture            = each.value.architecture
  timeout_seconds         = coalesce(each.value.timeout_seconds, try(local.queues[each.key].lambda_timeout_seconds, null))
  memory_mb               = each.value.memory_mb
  batch_size              = each.value.batch_size
  batching_window_seconds = each.value.batching_window_seconds
  maximum_concurrency     = each.value.maximum_concurrency
  environment             = merge(local.environment, each.value.environment)
  policies                = merge(local.records_policies, var.task_policies)
  tracing                 = each.value.tracing
  vpc                     = each.value.vpc
  log_retention_days      = var.log_retention_days
  kms_key_arn             = var.kms_key_arn
  alarms                  = { enabled = var.alarms.enabled, actions = var.alarms.actions }
  tags                    = local.tags
}

module "ecs_worker" {
  source   = "./modules/ecs-worker"
  for_each = { for name, runtime in local.runtime : name => var.queues[name].ecs if runtime == "ecs" }

  name                     = "${local.stack}-${each.key}"
  queue                    = merge({ code_name = each.key }, module.queue[each.key])
  cluster_arn              = var.ecs.cluster_arn
  image                    = var.ecs.image
  subnet_ids               = var.ecs.subnet_ids
  security_group_ids       = var.ecs.security_group_ids
  assign_public_ip         = var.ecs.assign_public_ip
  architecture             = each.value.architecture
  cpu                      = each.value.cpu
  memory_mb                = each.value.memory_mb
  concurrency              = each.value.concurrency
  shutdown_timeout_seconds = each.value.shutdown_timeout_seconds
  min_tasks                = each.value.min_tasks
  max_tasks                = each.value.max_tasks
  backlog_per_task         = each.value.backlog_per_task
  spot                     = each.value.spot
  environment              = merge(local.environment, each.value.environment)
  secrets                  = each.value.secrets
  policies                 = merge(local.records_policies, var.task_policies)
  log_retention_days       = var.log_retention_days
  kms_key_arn              = var.kms_key_arn
  tags                     = local.tags
}

module "api" {
  source = "./modules/api"
  count  = var.api == null ? 0 : 1

  name               = "${local.stack}-api"
  token_secret_arn   = var.api.token_secret_arn
  tasks              = var.api.tasks
  port               = var.api.port
  target_group_arn   = var.api.target_group_arn
  cluster_arn        = var.ecs.cluster_arn
  image              = var.ecs.image
  subnet_ids         = var.ecs.subnet_ids
  security_group_ids = var.ecs.security_group_ids
  assign_public_ip   = var.ecs.assign_public_ip
  architecture       = var.api.architecture
  cpu                = var.api.cpu
  memory_mb          = var.api.memory_mb
  environment        = merge(local.environment, var.api.environment)
  policies = merge(
    { enqueue = local.producer_policy, depths = local.depths_policy },
    var.results == null ? {} : { read = module.results[0].reader_policy_json },
  )
  log_retention_days = var.log_retention_days
  kms_key_arn        = var.kms_key_arn
  tags               = local.tags
}

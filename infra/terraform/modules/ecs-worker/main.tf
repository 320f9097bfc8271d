module "service" {
  source = "../ecs-service"

  name = var.name
  command = [
    "worker", "--queue", var.queue.code_name, "--concurrency", tostring(var.concurrency),
    "--shutdown-timeout", "${var.shutdown_timeout_seconds}s",
  ]
  # The worker needs the rest to give its jobs back.
  stop_timeout_seconds = var.shutdown_timeout_seconds + 10
  min_tasks            = var.min_tasks
  max_tasks            = var.max_tasks
  spot                 = var.spot
  policies             = merge({ queue = var.queue.worker_policy_json }, var.policies)

  cluster_arn        = var.cluster_arn
  image              = var.image
  architecture       = var.architecture
  cpu                = var.cpu
  memory_mb          = var.memory_mb
  subnet_ids         = var.subnet_ids
  security_group_ids = var.security_group_ids
  assign_public_ip   = var.assign_public_ip
  environment        = var.environment
  secrets            = var.secrets
  log_retention_days = var.log_retention_days
  kms_key_arn        = var.kms_key_arn
  tags               = var.tags
}

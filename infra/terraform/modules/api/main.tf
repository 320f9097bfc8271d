module "service" {
  source = "../ecs-service"

  name                 = var.name
  command              = ["run", "--addr", "0.0.0.0:${var.port}"]
  stop_timeout_seconds = 30
  min_tasks            = var.tasks
  max_tasks            = var.tasks
  port                 = var.port
  target_group_arn     = var.target_group_arn
  secrets              = merge({ CORE_API_TOKEN = var.token_secret_arn }, var.secrets)

  cluster_arn        = var.cluster_arn
  image              = var.image
  architecture       = var.architecture
  cpu                = var.cpu
  memory_mb          = var.memory_mb
  subnet_ids         = var.subnet_ids
  security_group_ids = var.security_group_ids
  assign_public_ip   = var.assign_public_ip
  environment        = var.environment
  policies           = var.policies
  log_retention_days = var.log_retention_days
  kms_key_arn        = var.kms_key_arn
  tags               = var.tags
}

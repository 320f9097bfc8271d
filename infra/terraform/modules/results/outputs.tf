output "name" {
  description = "The table's name."
  value       = aws_dynamodb_table.this.name
}

output "arn" {
  description = "The table's ARN."
  value       = aws_dynamodb_table.this.arn
}

output "url" {
  description = "The table as --results and CORE_RESULTS name it."
  value       = "dynamodb://${aws_dynamodb_table.this.name}"
}

output "writer_policy_json" {
  description = "The IAM policy of what makes and changes records: workers, and producers that record what they enqueue."
  value = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Effect   = "Allow"
      Action   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      Resource = [aws_dynamodb_table.this.arn]
    }], local.key_statements)
  })
}

output "reader_policy_json" {
  description = "The IAM policy of what reads and lists records."
  value = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Effect   = "Allow"
      Action   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
      Resource = [aws_dynamodb_table.this.arn, "${aws_dynamodb_table.this.arn}/index/*"]
    }], local.key_statements)
  })
}

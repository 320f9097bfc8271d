# All rules that tflint has of its own for the language; the rules for AWS are a plugin of their own.
plugin "terraform" {
  enabled = true
  preset  = "all"
}

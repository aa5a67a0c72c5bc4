terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 6.0"
    }
  }

  # The state holds Redis's token: an encrypted, private bucket, named at init
  # (-backend-config=bucket=... -backend-config=key=... -backend-config=region=...).
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

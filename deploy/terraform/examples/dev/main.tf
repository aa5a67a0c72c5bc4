# The smallest that is whole: one zone's NAT gateway, one database, nodes with
# public addresses, and nothing that refuses to be deleted.
provider "aws" {
  region = var.region
  default_tags {
    tags = { Project = "livedub", Environment = "dev" }
  }
}

module "secrets" {
  source  = "../../modules/secrets"
  name    = "livedub-dev"
  protect = false
}

module "livedub" {
  source             = "../.."
  cluster_secret_arn = module.secrets.arn
  redis_token        = module.secrets.redis_token
  name               = "livedub-dev"
  region             = var.region
  zones              = var.zones
  host               = var.host
  certificate_arn    = var.certificate_arn
  node_ami           = var.node_ami
  single_nat         = true
  public_media       = true
  gateways           = 1
  nodes              = { min = 1, max = 2, warm = 0 }
  postgres           = { multi_az = false, instance_class = "db.t4g.micro", storage_gb = 20, backup_days = 1 }
  redis              = { node_type = "cache.t4g.micro" }
  high_gpu_alarm     = "HighGPU-dev"
  protect            = false
}

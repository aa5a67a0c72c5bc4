# As the notes have it: everything but load balancers, NAT and bastion in
# private subnets, one to five GPU nodes, one more kept stopped and warm.
provider "aws" {
  region = var.region
  default_tags {
    tags = { Project = "livedub", Environment = "prod" }
  }
}

module "secrets" {
  source  = "../../modules/secrets"
  name    = "livedub-prod"
  protect = true
  turn    = var.turn
}

module "livedub" {
  source             = "../.."
  cluster_secret_arn = module.secrets.arn
  redis_token        = module.secrets.redis_token
  name               = "livedub-prod"
  region             = var.region
  zones              = var.zones
  host               = var.host
  certificate_arn    = var.certificate_arn
  node_ami           = var.node_ami
  alarm_email        = var.alarm_email
  record             = "dubs"
  turn = var.turn ? {
    host            = var.turn_host
    certificate_arn = var.turn_certificate_arn
    secret_arn      = module.secrets.turn_arn
  } : null
  bastion = {
    ami         = var.bastion_ami
    ssh         = length(var.ssh_sources) > 0
    ssh_sources = var.ssh_sources
    key_name    = var.ssh_key_name
  }
}

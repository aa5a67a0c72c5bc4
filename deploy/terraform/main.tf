locals {
  http_port = 8080

  # What gateways and nodes share. LIVEDUB_ are livedub's settings; DEPLOY_ is
  # read by the AMI's boot unit, which fetches the secrets by the instance's role.
  environment = {
    AWS_REGION                = var.region
    DEPLOY_CLUSTER_SECRET_ARN = var.cluster_secret_arn
    DEPLOY_REDIS              = "${module.data.redis_host}:6379"
    LIVEDUB_CLUSTER_NAME      = var.name
    LIVEDUB_SERVE_HOSTS       = var.host
    LIVEDUB_ACCESS_OPEN       = "false"
    LIVEDUB_SERVE_LISTEN      = ":${local.http_port}"
  }

  turn = var.turn == null ? [] : [var.turn]
}

module "network" {
  source       = "./modules/network"
  name         = var.name
  region       = var.region
  cidr         = var.cidr
  zones        = var.zones
  single_nat   = var.single_nat
  http_port    = local.http_port
  media_port   = var.media_port
  media_slots  = var.nodes.max
  public_media = var.public_media
  turn         = length(local.turn) > 0
  bastion      = var.bastion
}

module "data" {
  source         = "./modules/data"
  name           = var.name
  subnets        = values(module.network.private_subnets)
  postgres_group = module.network.security_groups["postgres"]
  redis_group    = module.network.security_groups["redis"]
  postgres       = var.postgres
  redis          = var.redis
  redis_token    = var.redis_token
  protect        = var.protect
}

module "gateway" {
  source             = "./modules/gateway"
  name               = var.name
  region             = var.region
  ami_id             = var.gateway_ami == "" ? var.node_ami : var.gateway_ami
  root_device        = var.root_device
  gateways           = var.gateways
  certificate_arn    = var.certificate_arn
  vpc_id             = module.network.vpc_id
  public_subnets     = values(module.network.public_subnets)
  private_subnets    = values(module.network.private_subnets)
  balancer_group     = module.network.security_groups["balancer"]
  gateway_group      = module.network.security_groups["gateway"]
  http_port          = local.http_port
  cluster_secret_arn = var.cluster_secret_arn
  protect            = var.protect
  environment = merge(local.environment, {
    DEPLOY_ROLE                   = "gateway"
    LIVEDUB_AWS_GROUP             = module.gpu_nodes.group_name
    LIVEDUB_SERVE_TRUSTED_PROXIES = join(" ", module.network.public_cidrs)
  })
}

module "gpu_nodes" {
  source          = "./modules/gpu_nodes"
  name            = var.name
  region          = var.region
  ami_id          = var.node_ami
  instance_type   = var.instance_type
  root_device     = var.root_device
  min_size        = var.nodes.min
  max_size        = var.nodes.max
  warm_size       = var.nodes.warm
  vpc_id          = module.network.vpc_id
  public_subnets  = module.network.public_subnets
  private_subnets = module.network.private_subnets
  node_group      = module.network.security_groups["node"]
  public_media    = var.public_media
  media_port      = var.media_port
  secret_arns     = concat([var.cluster_secret_arn, module.data.postgres_secret_arn], local.turn[*].secret_arn)
  bucket_arn      = module.data.bucket_arn
  environment = merge(local.environment, {
    DEPLOY_ROLE                = "node"
    DEPLOY_POSTGRES            = "${module.data.postgres_host}:5432/livedub"
    DEPLOY_POSTGRES_SECRET_ARN = module.data.postgres_secret_arn
    LIVEDUB_S3_BUCKET          = module.data.bucket
    LIVEDUB_S3_REGION          = var.region
    LIVEDUB_SERVE_RECORD       = var.record
    LIVEDUB_SERVE_ICE_SERVERS  = join(" ", var.ice_servers)
    }, [for t in local.turn : {
      DEPLOY_TURN_HOST       = t.host
      DEPLOY_TURN_SECRET_ARN = t.secret_arn
  }]...)
}

module "turn" {
  source          = "./modules/turn"
  count           = length(local.turn)
  name            = var.name
  region          = var.region
  ami_id          = var.gateway_ami == "" ? var.node_ami : var.gateway_ami
  root_device     = var.root_device
  instance_type   = local.turn[count.index].instance_type
  host            = local.turn[count.index].host
  certificate_arn = local.turn[count.index].certificate_arn
  secret_arn      = local.turn[count.index].secret_arn
  peers           = module.network.node_cidrs
  vpc_id          = module.network.vpc_id
  public_subnets  = values(module.network.public_subnets)
  private_subnets = values(module.network.private_subnets)
  turn_group      = module.network.security_groups["turn"]
  balancer_group  = module.network.security_groups["turn-balancer"]
}

module "observe" {
  source          = "./modules/observe"
  name            = var.name
  region          = var.region
  group           = module.gpu_nodes.group
  balancer_suffix = module.gateway.balancer_suffix
  alarm_email     = var.alarm_email
  high_gpu_alarm  = var.high_gpu_alarm
}

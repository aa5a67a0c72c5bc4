mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name               = "livedub-test"
  region             = "eu-central-1"
  zones              = ["eu-central-1a", "eu-central-1b"]
  host               = "dub.example.com"
  certificate_arn    = "arn:aws:acm:eu-central-1:123456789012:certificate/0a0a"
  node_ami           = "ami-0123456789abcdef0"
  cluster_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cluster-0123"
  redis_token        = "notarealtokennotarealtokennotarealtoken"
}

run "private_nodes" {
  command = plan
  assert {
    condition     = join(",", output.media_ports) == "8443,8444,8445,8446,8447" && length(output.media_addresses) == 2
    error_message = "five media ports at an address in each zone"
  }
  assert {
    condition     = output.url == "https://dub.example.com"
    error_message = "people open host"
  }
  assert {
    condition     = output.node_group == "livedub-test-nodes"
    error_message = "the group has a name that can be known before"
  }
  assert {
    condition     = output.turn == null && length(module.turn) == 0
    error_message = "there is no TURN server unless it is asked for"
  }
}

run "turn" {
  command = plan
  variables {
    turn = {
      host            = "turn.example.com"
      certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/0b0b"
      secret_arn      = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:turn-0123"
    }
  }
  assert {
    condition     = output.turn == "it.eu-central-1.elb.amazonaws.com"
    error_message = "turn.host is to lead to the TURN server's load balancer"
  }
}

run "public_nodes" {
  command = plan
  variables {
    public_media = true
    single_nat   = true
    bastion      = { ami = "ami-0123456789abcdef0", ssh = true, ssh_sources = ["203.0.113.0/24"], key_name = "ops" }
    protect      = false
  }
  assert {
    condition     = join(",", output.media_ports) == "8443" && length(output.media_addresses) == 0
    error_message = "one media port at the nodes themselves"
  }
}

run "refused" {
  command = plan
  variables {
    name        = "a-name-that-a-target-group-has-no-room-for"
    ice_servers = ["turn:secret@turn.example.com"]
  }
  expect_failures = [var.name, var.ice_servers]
}

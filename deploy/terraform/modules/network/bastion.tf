locals {
  bastions = var.bastion.ami == "" ? 0 : 1
}

resource "aws_iam_role" "bastion" {
  count = local.bastions
  name  = "${var.name}-bastion"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

# Session Manager and nothing else.
resource "aws_iam_role_policy" "bastion" {
  count = local.bastions
  name  = "session-manager"
  role  = aws_iam_role.bastion[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "SessionManager"
      Effect = "Allow"
      Action = [
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
      ]
      Resource = "*"
    }]
  })
}

resource "aws_iam_instance_profile" "bastion" {
  count = local.bastions
  name  = "${var.name}-bastion"
  role  = aws_iam_role.bastion[0].name
}

resource "aws_instance" "bastion" {
  count                       = local.bastions
  ami                         = var.bastion.ami
  instance_type               = var.bastion.instance_type
  subnet_id                   = aws_subnet.public[var.zones[0]].id
  vpc_security_group_ids      = [aws_security_group.this["bastion"].id]
  associate_public_ip_address = true
  iam_instance_profile        = aws_iam_instance_profile.bastion[0].name
  key_name                    = var.bastion.ssh ? var.bastion.key_name : null

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    encrypted   = true
  }

  tags = { Name = "${var.name}-bastion" }
}

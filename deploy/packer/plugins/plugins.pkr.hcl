# For Packer 1.7 and newer, which has no amazon plugin inside: packer init deploy/packer/plugins
# The block stands in a folder of its own, for Debian's 1.6.6 refuses it.
packer {
  required_plugins {
    amazon = {
      version = "~> 1.3"
      source  = "github.com/hashicorp/amazon"
    }
  }
}

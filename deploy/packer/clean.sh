#!/usr/bin/env bash
# In the image's build, as root: nothing of this instance stays in the image.
set -euo pipefail
# The agent is started by livedub-boot, with the instance's own log group.
/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a stop
systemctl disable amazon-cloudwatch-agent
rm -rf /opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.{toml,json,yaml,d}/* /opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.{toml,json,yaml} /run/livedub
apt-get clean
rm -rf /var/lib/apt/lists/* /tmp/* /root/.cache /root/.config /root/go /home/*/.cache
rm -f /etc/ssh/ssh_host_* /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys /root/.bash_history /home/*/.bash_history
find /var/log -type f -exec truncate --size 0 {} +
cloud-init clean --logs --seed --machine-id
sync

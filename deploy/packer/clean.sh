#!/usr/bin/env bash
# In the image's build, as root: nothing of this instance stays in the image.
set -euo pipefail
apt-get clean
rm -rf /var/lib/apt/lists/* /tmp/* /root/.cache /root/.config /root/go /home/*/.cache
rm -f /etc/ssh/ssh_host_* /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys /root/.bash_history /home/*/.bash_history
find /var/log -type f -exec truncate --size 0 {} +
cloud-init clean --logs --seed --machine-id
sync

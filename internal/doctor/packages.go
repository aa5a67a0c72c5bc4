package doctor

import (
	"context"
	"os/exec"
	"strings"
	"time"
)

// watched are the system packages whose versions stand for those of engines
// that do not tell their own.
var watched = []string{"pocketsphinx-en-us", "libpocketsphinx-dev", "apertium-*", "espeak-ng-data", "libespeak-ng1", "flite", "ffmpeg"}

// installed returns the versions of the watched packages that are there; it is
// empty where the system is not Debian's kin.
func installed(ctx context.Context) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	args := append([]string{"-W", "-f", "${db:Status-Status} ${Package} ${Version}\n"}, watched...)
	// It fails when one of them is unknown, and still lists the others.
	out, _ := exec.CommandContext(ctx, "dpkg-query", args...).Output()
	versions := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "installed" {
			versions[f[1]] = f[2]
		}
	}
	return versions
}

// Package doctor tells which engines, codecs and devices work on this machine,
// by trying them through the packages that the server itself uses, and which
// line installs what is missing.
package doctor

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strings"

	"livedub/internal/gpu"
)

// Report is what Run found.
type Report struct {
	Version string  `json:"version"` // of livedub
	OS      string  `json:"os"`
	Checks  []Check `json:"checks"`

	GPU gpu.Report `json:"gpu"` // telemetry, or why there is none
}

// Check is one engine, codec or device.
type Check struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"` // recognize, translate, speak, models, lips, runtime, decode, encode, device or test
	Needed    bool   `json:"needed"`
	Available bool   `json:"available"`
	Version   string `json:"version,omitempty"`
	Detail    string `json:"detail,omitempty"`
	Install   string `json:"install,omitempty"` // the line that makes it available
}

// Config is where the engines are looked for, as in the settings, and which
// parts the server would do without: those are shown and not needed.
type Config struct {
	Version    string // of livedub
	ModelDir   string // of PocketSphinx
	Recognizer string // path of pocketsphinxworker
	Memory     int64  // bytes for its process; 0: the default
	ModesDir   string // of Apertium
	Worker     string // path of espeakworker
	Lips       string // lips.engine: "own", "off"
	Runtime    string // onnx.library

	// Net, if set, opens the net that makes mouths and tells where it really runs.
	Net func(context.Context) (string, error)
	// Models, if set, tells of the weights of neural engines.
	Models func(context.Context) Check

	NoRecognizer, NoTranslator, NoSynthesizer bool // another engine is set
	NeedNVENC, NeedNVDEC                      bool // the settings insist on it
	NeedRuntime                               bool // the voice detector is a net
}

// Run tries everything. It takes a second or two and ends the processes it starts.
func Run(ctx context.Context, c Config) Report {
	packages := installed(ctx)
	telemetry := gpu.Look()
	gpus := devices(telemetry)
	return Report{Version: c.Version, OS: system(), GPU: telemetry, Checks: slices.Concat(
		recognizers(c, packages),
		translators(c, packages),
		speakers(c, packages),
		weights(ctx, c),
		mouths(ctx, c),
		runtimes(c),
		decoders(c, gpus[0].Available),
		videoEncoders(c, gpus[0].Available),
		audioCodecs(),
		gpus,
		tools(packages),
	)}
}

func weights(ctx context.Context, c Config) []Check {
	if c.Models == nil {
		return nil
	}
	return []Check{c.Models(ctx)}
}

// Missing returns the checks that are needed and failed.
func (r Report) Missing() []Check {
	var missing []Check
	for _, c := range r.Checks {
		if c.Needed && !c.Available {
			missing = append(missing, c)
		}
	}
	return missing
}

// system names the distribution and the architecture: "Debian GNU/Linux 12 (bookworm), amd64".
func system() string {
	name := runtime.GOOS
	if b, err := os.ReadFile("/etc/os-release"); err == nil {
		if pretty := field(string(b), "PRETTY_NAME"); pretty != "" {
			name = pretty
		}
	}
	return name + ", " + runtime.GOARCH
}

// field returns the value of key in the format of os-release(5).
func field(file, key string) string {
	for line := range strings.Lines(file) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return strings.Trim(v, `"'`)
		}
	}
	return ""
}

// apt returns the line that installs packages.
func apt(packages ...string) string { return "sudo apt-get install -y " + strings.Join(packages, " ") }

// oneLine keeps an error's text within its row.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

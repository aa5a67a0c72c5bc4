// Package arch holds the laws of this module's shape: who may import whom, and
// what every package must have. Its test reads the source itself, so that a
// cached result never hides a breach.
package arch

// layer says what packages of this module a package may import. The longest
// matching line counts; a package that none matches is a breach.
//
//	"media"      that package
//	"media/..."  all packages below it, not itself
//	"./..."      all packages below the importing one
type layer struct {
	pkg string
	may []string
}

// layers follows a frame inwards: cmd, signaling, session, media/* and
// inference/*, then the words media and inference, which know nobody.
var layers = []layer{
	{"media", nil},
	{"inference", []string{"media"}},

	{"media/...", []string{"media", "media/...", "internal/guard"}},
	{"inference/viseme", []string{"inference"}},
	{"inference/glossary", []string{"inference"}},
	{"inference/pitch", nil},
	{"inference/inferencetest", []string{"media", "inference", "inference/viseme"}},
	{"inference/kserve/kservetest", []string{"inference", "inference/kserve/inferpb"}},
	{"inference/recognize/spacing", nil},
	{"inference/recognize/whisper", []string{"inference", "inference/onnx/onnxfile", "inference/recognize/spacing"}},
	{"inference/speak/align", []string{"media", "inference", "inference/viseme"}},
	{"inference/speak/level", nil},
	{"inference/speak/spoken", []string{"media", "inference", "inference/viseme", "inference/onnx/onnxfile", "inference/speak/level"}},
	{"inference/speak/kokoro", []string{"inference", "inference/onnx/onnxfile", "inference/speak/spoken"}},
	{"inference/speak/piper", []string{"media", "inference", "inference/pitch", "inference/onnx/onnxfile", "inference/speak/align", "inference/speak/spoken"}},
	{"inference/speak/openai", []string{"media", "inference", "inference/speak/align", "inference/speak/level", "inference/speak/spoken", "internal/remote"}},
	{"inference/recognize/realtime", []string{"internal/remote"}},
	{"inference/recognize/openai", []string{"inference/recognize/whisper", "internal/remote"}}, // a Whisper at the end of a line
	{"inference/...", []string{"media", "inference", "inference/glossary", "inference/pitch", "inference/viseme", "internal/guard", "internal/proc", "internal/remote", "internal/worker", "internal/worker/wire", "./..."}}, // engines know nothing of each other

	// Engines are handed to a session; it knows their interfaces only.
	// The rooms of a session, in the order that audio and video pass them.
	{"session/work", []string{"inference", "media", "media/pace", "internal/guard", "internal/proc"}},
	{"session/timeline", []string{"inference", "inference/viseme", "media"}},
	{"session/spec", []string{"inference", "inference/glossary", "media", "media/badge", "media/codec", "media/loudness", "session/timeline", "session/work"}},
	{"session/record", []string{"inference", "inference/glossary", "session/spec"}},
	{"session/ingest", []string{"media", "internal/guard", "session/timeline", "session/work"}},
	{"session/audio", []string{"inference", "media", "media/codec", "media/echo", "media/listen", "media/pace", "internal/guard", "session/ingest", "session/spec", "session/timeline", "session/work"}},
	{"session/video", []string{"inference", "media", "media/codec", "internal/guard", "session/ingest", "session/spec", "session/work"}},
	{"session/fanout", []string{"media", "media/codec", "media/loudness", "internal/guard", "session/spec", "session/work"}},
	{"session/dub", []string{"inference", "inference/glossary", "media", "media/badge", "media/codec", "media/pace", "internal/guard",
		"session/fanout", "session/ingest", "session/record", "session/spec", "session/timeline", "session/video", "session/work"}},
	{"session", []string{"inference", "inference/glossary", "media", "media/pace", "session/audio", "session/dub", "session/fanout", "session/ingest", "session/record", "session/spec", "session/video", "session/work"}},
	{"session/live", []string{"inference", "media", "media/badge", "media/pace", "internal/guard", "session", "session/ingest", "session/record", "session/spec"}},
	{"session/journal", []string{"inference", "session/live", "session/record", "session/spec", "store"}},
	{"recording", []string{"inference", "media", "media/cmaf", "media/file", "session/fanout", "session/live", "session/record", "session/report", "session/spec", "store", "internal/guard", "internal/telemetry"}},
	{"broadcast", []string{"inference", "media", "media/hls", "session/fanout", "session/live", "session/record", "session/report", "session/spec", "internal/guard"}},
	{"broadcast/push", []string{"inference", "media", "media/mpegts", "media/rtmp", "media/srt", "session/fanout", "session/live", "session/record", "session/spec", "internal/guard"}},
	{"session/report", []string{"inference", "media", "media/codec", "media/file", "session/record", "session/spec", "session/timeline", "session/work"}},

	{"signaling", []string{"inference", "inference/glossary", "signaling/...", "store", "cluster", "web", "internal/guard", "internal/telemetry"}},
	{"signaling/gateway", []string{"signaling", "signaling/ws", "cluster", "internal/telemetry"}},
	{"signaling/ingest", []string{"media", "media/pace", "signaling", "signaling/access"}},
	{"signaling/member", []string{"signaling", "signaling/access", "cluster"}},
	{"signaling/...", []string{"inference", "inference/glossary", "signaling", "signaling/...", "store", "cluster", "web", "internal/guard", "internal/telemetry"}},

	{"store", nil},
	{"store/...", []string{"store", "store/...", "internal/guard", "internal/telemetry"}},
	{"cluster", nil},
	{"cluster/clustertest", []string{"cluster"}},
	{"cluster/...", []string{"cluster", "internal/telemetry"}}, // registries know nothing of each other

	{"web", nil},
	{"internal/doctor", []string{"media", "media/codec", "inference", "inference/...", "internal/gpu", "internal/proc"}},
	{"internal/bench/enginebench", []string{"inference", "inference/engine", "inference/onnx", "internal/gpu", "internal/testkit/onnxfile"}},
	{"internal/testkit/onnxfile", []string{"inference/onnx/onnxfile"}},
	{"internal/testkit/vitstest", []string{"inference/onnx/onnxfile"}},
	{"internal/testkit/testspeaker/cmd/mksample", []string{"media", "media/...", "inference", "inference/onnx", "inference/speak", "inference/speak/kokoro", "internal/models", "internal/testkit/testspeaker"}},
	{"internal/bench/lipsfit", []string{"inference/lips/opening"}},
	{"internal/bench/lipseval", []string{"media", "inference"}},
	{"internal/settings", []string{"inference", "inference/onnx", "internal/config", "media/badge", "session/spec"}},
	{"internal/bench/recordbench", []string{"media", "media/cmaf", "media/file", "media/pace", "recording", "session/fanout", "session/spec", "session/work", "store", "store/...",
		"internal/testkit/caller", "internal/testkit/clusterrig", "internal/testkit/pgproc", "internal/testkit/s3proc", "internal/testkit/testspeaker"}},
	{"internal/bench/scaleout", []string{"internal/testkit/asg", "internal/testkit/awsfake", "internal/testkit/caller", "internal/testkit/clusterrig", "internal/testkit/redisproc"}},
	{"internal/bench/speech", []string{"media", "media/codec", "media/pace", "inference", "inference/recognize", "internal/bench/words/score", "session/live", "session/spec"}},
	{"internal/bench/stalls", []string{"media", "media/...", "inference", "inference/fake", "session/live", "session/spec"}},
	{"internal/bench/words", []string{"media", "inference", "internal/bench/words/score", "internal/grades"}},
	{"internal/bench/words/score", nil},
	{"internal/grades", nil},
	{"internal/testkit/testspeaker", []string{"media", "media/...", "inference", "inference/viseme"}},
	{"internal/testkit/pushtest", []string{"media", "media/codec", "internal/testkit/groundtest"}},
	{"internal/testkit/noisetest", []string{"media"}},
	{"internal/testkit/filmtest", []string{"media", "media/...", "internal/testkit/testspeaker"}},
	{"internal/testkit/testspeaker/...", []string{"media", "media/...", "inference", "internal/testkit/testspeaker"}},
	{"internal/testkit/testspeaker/cmd/mksample", []string{"media", "media/...", "inference", "inference/onnx", "inference/speak", "inference/speak/kokoro", "internal/models", "internal/testkit/testspeaker"}},
	{"internal/testkit/caller", []string{"media", "media/...", "inference/fake", "internal/testkit/netem", "internal/testkit/testspeaker"}},                                              // it hears what the fake voice says
	{"internal/stores", []string{"store", "store/...", "internal/config", "internal/guard"}},                                                                                             // those that the settings name
	{"internal/registry", []string{"cluster", "cluster/redis", "internal/config", "signaling/access"}},                                                                                   // the record that the settings name, for nodes and gateways
	{"internal/auth", []string{"cluster/redis", "internal/config", "signaling", "signaling/access", "signaling/ledger", "signaling/revoked", "signaling/streamkey", "signaling/tokens"}}, // what the settings say of tokens and stream keys
	{"internal/models", []string{"internal/guard", "internal/proc"}},
	{"internal/models/convert", []string{"inference/onnx/onnxfile"}}, // conversions that need no engine; the engines' own come from their packages by cmd/livedub
	{"internal/...", []string{"internal/..."}},

	{"cmd/gateway", []string{"signaling", "signaling/access", "signaling/gateway", "signaling/serving", "signaling/streamkey", "cluster", "cluster/...", "internal/auth", "internal/cli", "internal/config", "internal/netlimit", "internal/registry", "internal/telemetry"}},
	// Workers know of the server's engines only what is said over the pipe.
	{"cmd/espeakworker", []string{"inference/speak/wire", "internal/worker/child"}},
	{"cmd/pocketsphinxworker", []string{"inference/recognize/wire", "internal/worker/child"}},
	{"cmd/transducerworker", []string{"inference/recognize/wire", "inference/recognize/spacing", "internal/worker/child"}},
	{"cmd/gpucheck", []string{"inference", "inference/engine", "inference/onnx", "internal/bench/enginebench", "internal/gpu", "internal/testkit/onnxfile"}},
	{"cmd/...", []string{"media", "media/...", "inference", "inference/...", "broadcast", "broadcast/...", "recording", "session", "session/...", "signaling", "signaling/...",
		"store", "store/...", "cluster", "cluster/...", "web", "internal/..."}},
	{"test/...", []string{"media", "media/...", "inference", "inference/...", "recording", "session", "session/...", "store", "store/...", "internal/..."}},
}

// words are the packages that import nothing from outside the standard library.
var words = []string{"media", "inference", "store", "cluster", "web"}

// owner says which packages alone may import something from outside. A path
// that ends in / covers all below it.
type owner struct {
	path string
	by   []string
}

var owners = []owner{
	{"C", []string{"media/codec", "media/file", "inference/onnx", "cmd/espeakworker", "cmd/pocketsphinxworker", "cmd/transducerworker"}},
	{"github.com/pion/", []string{"media/rtc", "signaling", "signaling/...", "internal/testkit/caller", "internal/testkit/echotest", "test/..."}},
	{"github.com/yalue/onnxruntime_go", []string{"inference/onnx"}},
	{"github.com/k2-fsa/", []string{"cmd/transducerworker"}},
	{"gopkg.in/hraban/opus.v2", []string{"media/codec"}},
	{"github.com/maxhawkins/go-webrtcvad", []string{"inference/recognize"}},
	{"golang.org/x/image/", []string{"media/badge"}},
	{"github.com/NVIDIA/go-nvml/", []string{"internal/gpu"}},
	{"github.com/prometheus/", []string{"internal/telemetry", "session", "session/...", "signaling", "signaling/...", "cmd/..."}},
	{"google.golang.org/grpc", []string{"inference/kserve", "inference/kserve/..."}},
	{"google.golang.org/grpc/", []string{"inference/kserve", "inference/kserve/..."}},
	{"github.com/spf13/pflag", []string{"internal/config", "internal/cli", "cmd/..."}},
	{"github.com/redis/", []string{"cluster/redis"}},
	{"github.com/alicebob/miniredis/", nil}, // tests
	{"github.com/bluenviron/mediacommon/", []string{"media/cmaf", "media/hlspull", "media/intake", "media/mpegts", "media/rtmp"}},
	{"github.com/bluenviron/gohlslib/", []string{"media/hlspull"}},
	{"github.com/datarhei/gosrt", []string{"media/srt"}},
	{"github.com/bluenviron/gortmplib/", []string{"media/rtmp"}},
	{"github.com/abema/go-mp4", []string{"media/rtmp"}}, // whose types gortmplib tells configurations in
	{"github.com/jackc/pgx/", []string{"store/postgres"}},
	{"github.com/pressly/goose/", []string{"store/postgres"}},
	{"github.com/aws/", []string{"store/s3", "cluster/aws", "internal/bench/scaleout", "internal/testkit/awsfake"}},
	{"github.com/johannesboyne/gofakes3", []string{"internal/testkit/s3proc"}},
	{"github.com/johannesboyne/gofakes3/", []string{"internal/testkit/s3proc"}},
	{"github.com/golang-jwt/", []string{"signaling/tokens"}},
	{"github.com/MicahParks/", []string{"signaling/tokens"}},
	{"gopkg.in/yaml.v3", []string{"internal/config", "internal/models"}},
	{"testing", nil}, // tests, and packages whose name ends in "test"
}

// link says what a program must not link, however indirectly.
type link struct {
	pkg  string
	none []string
}

var links = []link{
	{"cmd/gateway", []string{"C", "github.com/pion/", "github.com/yalue/onnxruntime_go", "github.com/k2-fsa/",
		"github.com/NVIDIA/", "livedub/media/codec", "livedub/media/file", "livedub/session"}},
	{"cmd/espeakworker", []string{"github.com/pion/", "github.com/NVIDIA/", "livedub/media/codec", "livedub/media/file", "livedub/session"}},
	{"cmd/pocketsphinxworker", []string{"github.com/pion/", "github.com/NVIDIA/", "livedub/media/codec", "livedub/media/file", "livedub/session"}},
	{"cmd/transducerworker", []string{"github.com/pion/", "github.com/NVIDIA/", "livedub/media/codec", "livedub/media/file", "livedub/session", "livedub/inference/recognize/whisper"}},
	// A gateway links them where no codec library is installed.
	{"signaling/hls", []string{"C", "livedub/session", "livedub/media/codec"}},
	{"signaling/api", []string{"C", "livedub/session", "livedub/media/codec"}},
	{"signaling/whip", []string{"C", "livedub/session", "livedub/media/codec"}},
	{"signaling/ws", []string{"C", "livedub/session", "livedub/media/codec"}},
	// What only tests and benches need.
	{"cmd/livedub", []string{"livedub/internal/testkit/", "livedub/internal/bench/"}},
	// Its library of engines in C stays in the worker.
	{"cmd/livedub", []string{"github.com/k2-fsa/"}},
	// It runs where no codec library is installed.
	{"cmd/gpucheck", []string{"github.com/pion/", "gopkg.in/hraban/opus.v2", "livedub/media/codec", "livedub/media/file", "livedub/inference/recognize", "livedub/session"}},
}

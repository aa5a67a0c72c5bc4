package config

import "time"

// table lists every setting of c in the order of the sample file: where it is
// kept, its key, default, help and limits. A new setting is a field of Config and a line here.
func table(c *Config) []option {
	return []option{
		text(&c.Serve.Listen, "serve.listen", "127.0.0.1:8080",
			"address and port the server listens on", hostPort),
		duration(&c.Serve.Drain, "serve.drain", 10*time.Second,
			"how long open requests may finish after the first signal", 0, 10*time.Minute),
		integer(&c.Serve.MediaPort, "serve.media_port", 8443,
			"UDP and TCP port that all media goes through; 0 is any free one", 0, 65_535),
		text(&c.Serve.PublicIP, "serve.public_ip", "",
			"address that browsers reach this machine at, where it is not its own", publicIP),
		iceServers(&c.Serve.ICEServers, "serve.ice_servers",
			"STUN and TURN servers that clients are told of"),
		integer(&c.Serve.MaxSessions, "serve.max_sessions", 8,
			"sessions at a time; more are told to come back later", 1, 10_000),
		duration(&c.Serve.SessionIdle, "serve.session_idle", 5*time.Minute,
			"how long a session that nobody uses is kept", 10*time.Second, 24*time.Hour),

		choice(&c.Session.Profile, "session.profile", "sync",
			"dub in step with the picture, or as soon as it exists", "sync", "live"),
		integer(&c.Session.DelayMS, "session.delay_ms", 0,
			"milliseconds from source to output; 0 is the profile's own, sync 4000, live 120", 0, 60_000),
		decimal(&c.Session.BackgroundGain, "session.background_gain", 0.15,
			"loudness of the original voice under a dub", 0, 1),

		choice(&c.Recognize.Engine, "recognize.engine", "pocketsphinx",
			"what hears; off dubs nothing", "pocketsphinx", "fake", "off"),
		text(&c.Recognize.ModelDir, "recognize.model_dir", "",
			"folder of the acoustic model; empty is the system's", nil),
		choice(&c.Recognize.VAD, "recognize.vad", "webrtc",
			"what tells speech from other sound; silero is a net, steadier in noise and music", "webrtc", "silero"),
		text(&c.Recognize.VADModel, "recognize.vad_model", "",
			"path of silero_vad.onnx, version 5", nil),

		choice(&c.Translate.Engine, "translate.engine", "apertium",
			"what translates", "apertium", "fake"),
		text(&c.Translate.ModesDir, "translate.modes_dir", "",
			"folder of Apertium's .mode files; empty is the system's", nil),

		choice(&c.Speak.Engine, "speak.engine", "espeak",
			"what speaks", "espeak", "fake"),
		text(&c.Speak.Worker, "speak.worker", "",
			"path of espeakworker; empty is beside this program", nil),
		integer(&c.Speak.Workers, "speak.workers", 2,
			"speech processes kept ready", 1, 64),

		choice(&c.Lips.Engine, "lips.engine", "own",
			"what re-renders the mouth; own are the speaker's own mouths", "own", "fake", "off"),
		text(&c.Lips.Manifest, "lips.manifest", "",
			"manifest of a net that makes the mouths; engine own stands in where it does not", nil),
		choice(&c.Lips.Badge, "lips.badge", "bottom-right",
			"where \"AI dubbed\" stands in re-rendered pictures", "bottom-right", "bottom-left", "top-right", "top-left", "off"),
		decimal(&c.Lips.BadgeHeight, "lips.badge_height", 4,
			"percent of the picture's height; 16 pixels are the least", 1, 20),

		text(&c.ONNX.Library, "onnx.library", "",
			"path of libonnxruntime.so or its folder, as of a GPU build; empty is the CPU build beside this program", nil),
		choice(&c.ONNX.Provider, "onnx.provider", "cpu",
			"what runs neural nets", "cpu", "cuda"),
		integer(&c.ONNX.Device, "onnx.device", 0,
			"which GPU, of several", 0, 63),
		boolean(&c.ONNX.AllowFallback, "onnx.allow_fallback", false,
			"run on the CPU what was to run on the GPU, rather than not start"),
		integer(&c.ONNX.MemoryMB, "onnx.memory_mb", 0,
			"megabytes of memory for each net, of the GPU's where it runs there; 0 is all of a GPU's, half of the machine's", 0, 1_000_000),
		integer(&c.ONNX.Threads, "onnx.threads", 0,
			"threads of a net on the CPU; 0 is half of the cores", 0, 256),
		duration(&c.ONNX.TimeLimit, "onnx.time_limit", 10*time.Second,
			"longest run of a net", 100*time.Millisecond, 10*time.Minute),

		choice(&c.Video.Encoder, "video.encoder", "auto",
			"H.264 encoder; auto takes nvenc where it works, else x264", "auto", "x264", "nvenc"),
		integer(&c.Video.BitrateKbps, "video.bitrate_kbps", 0,
			"kilobits per second; 0 follows the picture's size", 0, 100_000),
		choice(&c.Video.Preset, "video.preset", "superfast",
			"x264 preset: slower is smaller", "ultrafast", "superfast", "veryfast", "faster",
			"fast", "medium", "slow", "slower", "veryslow"),
		integer(&c.Video.MaxWidth, "video.max_width", 1920,
			"pixels; larger pictures are scaled down", 16, 8192),
		integer(&c.Video.MaxHeight, "video.max_height", 1080,
			"pixels; larger pictures are scaled down", 16, 8192),

		choice(&c.Log.Level, "log.level", "info",
			"least level that is logged", "debug", "info", "warn", "error"),
		choice(&c.Log.Format, "log.format", "text",
			"form of a log line", "text", "json"),
	}
}

"""A server of OpenAI's protocol for transcriptions around faster-whisper, as
speaches is: POST /v1/audio/transcriptions, verbose_json with word times.
usage: transcriptions.py MODEL_FOLDER; prints its address."""
import io, json, sys
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from faster_whisper import WhisperModel

model = WhisperModel(sys.argv[1], device="cpu", compute_type="int8", cpu_threads=1)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n"
        fields = {}
        for part in BytesParser().parsebytes(head + body).get_payload():
            fields[part.get_param("name", header="content-disposition")] = part.get_payload(decode=True)
        segments, info = model.transcribe(io.BytesIO(fields["file"]), language=fields["language"].decode(), word_timestamps=True, beam_size=1)
        segments = list(segments)
        answer = {
            "text": "".join(s.text for s in segments), "language": info.language, "duration": info.duration,
            "words": [{"word": w.word, "start": w.start, "end": w.end} for s in segments for w in s.words],
            "segments": [{"start": s.start, "end": s.end, "no_speech_prob": s.no_speech_prob, "avg_logprob": s.avg_logprob} for s in segments],
        }
        out = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
server.serve_forever()

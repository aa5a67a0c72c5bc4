"""Publishes a test picture and a WAV file by WHIP with GStreamer's webrtcbin."""
import sys
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC

url, wav, codec = sys.argv[1:4]
encode = {
    "vp8": "vp8enc deadline=1 keyframe-max-dist=30 ! rtpvp8pay ! application/x-rtp,media=video,encoding-name=VP8,payload=96",
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 ! rtph264pay config-interval=-1 "
    "! application/x-rtp,media=video,encoding-name=H264,payload=96",
}[codec]

Gst.init(None)
pipe = Gst.parse_launch(
    f"webrtcbin name=w bundle-policy=max-bundle "
    f"videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=30/1 ! videoconvert ! {encode} ! w. "
    f"filesrc location={wav} ! wavparse ! audioconvert ! audioresample ! clocksync ! opusenc ! rtpopuspay "
    f"! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! w."
)
webrtc = pipe.get_by_name("w")
loop = GLib.MainLoop()


def gathered(element, _):
    if element.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
        return
    offer = element.get_property("local-description").sdp.as_text()
    request = urllib.request.Request(url, offer.encode(), {"Content-Type": "application/sdp"})
    with urllib.request.urlopen(request, timeout=10) as response:
        print("status", response.status, response.headers["Location"], flush=True)
        answer = response.read().decode()
    _, sdp = GstSdp.SDPMessage.new_from_text(answer)
    description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
    element.emit("set-remote-description", description, Gst.Promise.new())


def offered(promise, element, _):
    promise.wait()
    reply = promise.get_reply()  # owns the offer: it must outlive its use
    offer = reply.get_value("offer")
    element.emit("set-local-description", offer, Gst.Promise.new())


def needed(element):
    element.emit("create-offer", None, Gst.Promise.new_with_change_func(offered, element, None))


webrtc.connect("on-negotiation-needed", needed)
webrtc.connect("notify::ice-gathering-state", gathered)
pipe.set_state(Gst.State.PLAYING)
try:
    loop.run()
except KeyboardInterrupt:
    pass
pipe.set_state(Gst.State.NULL)

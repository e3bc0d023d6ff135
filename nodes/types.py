"""The sockets that have no name in ComfyUI's API: those of this pack and of the ecosystem."""

from ..engines.sockets import small_socket
from .api import io

KinoBodies = io.Custom(small_socket("KINO_BODIES"))
KinoDetections = io.Custom(small_socket("KINO_DETECTIONS"))
KinoModel = io.Custom("KINO_MODEL")
KinoEngine = io.Custom("KINO_ENGINE")
KinoFlow = io.Custom("KINO_FLOW")
KinoHeads = io.Custom(small_socket("KINO_HEADS"))
KinoPoses = io.Custom(small_socket("KINO_POSES"))
KinoState = io.Custom("KINO_STATE")
KinoVace = io.Custom("KINO_VACE")
PoseKeypoint = io.Custom(small_socket("POSE_KEYPOINT"))
BoundingBox = io.Custom(small_socket("BOUNDING_BOX"))
MhrPoseData = io.Custom("MHR_POSE_DATA")
OpticalFlow = io.Custom("OPTICAL_FLOW")
Sam3TrackData = io.Custom("SAM3_TRACK_DATA")
Tracks = io.Custom(small_socket("TRACKS"))
WanCameraEmbedding = io.Custom("WAN_CAMERA_EMBEDDING")
FaceLandmarks = io.Custom(small_socket("FACE_LANDMARKS"))

# Without a link the editor draws four numbers for a BOUNDING_BOX, and would send their defaults.
LINK_ONLY = {"forceInput": True}

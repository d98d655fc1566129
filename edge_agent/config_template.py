"""The commented TOML file that ``init-config`` writes."""

TEMPLATE = """\
# Configuration of the Menjin software terminal (python -m edge_agent run --config THIS_FILE).
# Relative paths are relative to this file. Keep the file private: base_url holds a secret.

# Name of this terminal at the platform, at most 32 characters.
device_id = "0000001"

# The site's BaseUrl as the platform shows it, with its secret segment.
base_url = "http://127.0.0.1:8000/t/PUT-THE-TOKEN-OF-THE-SITE-HERE"

# Folder of the agent's own files: people, faces, and what was not sent yet.
data_dir = "agent-data"

# What appears on every record, all optional. action_code: 1 leads in, 2 leads out.
uuid_label = ""
nation_code = ""
action_code = 1

# The wire asks for the mask on every record; without mask detection this is what is sent.
mask_assumed = false

# Who says whether the door opens:
#   "platform"             only the platform
#   "local"                the rule of this file: a match, no fever
#   "platform-then-local"  the platform; the local rule when it cannot be reached in time
decide = "platform"
answer_timeout_s = 3.0

# Local rule. unlock_delay_ms also holds when the platform opens without saying for how long.
unlock_delay_ms = 3000
temperature_limit_c = 37.3
temperature_required = false
library_max_age_s = 604800.0   # no local opening on a library older than this; 0 = any age

# Matching. Similarity runs from 0 to 100; 0 takes the engine's own threshold.
match_similarity = 0
detector_px = 320
model_dir = ""                 # empty: where "python -m face_engine install" put the models

# Talking to the platform.
sync_interval_s = 10.0
heartbeat_interval_s = 30.0
http_timeout_s = 15.0
picture_max_bytes = 4194304
picture_parallel = 4
people_max = 50000

[camera]
driver = "folder"              # "folder" or "opencv"
folder = "visitors"            # folder: pictures that walk by, one after the other
interval_s = 3.0
rounds = 0                     # folder: 0 = for ever
# driver = "opencv"
# source = "0"                 # number of a device, rtsp://… or a video file
# visit_gap_s = 8.0            # the same face within this time is the same visit

[relay]
driver = "simulated"           # "simulated" or "gpiod"
# chip = "/dev/gpiochip0"
# line = 17
# active_low = false

# The terminal's own interface, for whoever calls it (chapters 4 to 8 of the OpenAPI document).
[api]
enabled = true
host = "127.0.0.1"             # "0.0.0.0" = all addresses; needs a password of its own
port = 8899                    # 0 = any free port
push_enabled = true            # records by websocket
push_port = 9000
password = "123456"            # the factory's; good for 127.0.0.1 only. Empty: nobody may call
password_expires = ""          # last day on which it is good, "2027-12-31"; empty: for ever
allow_from = []                # ["192.168.1.5", "10.0.0.0/8"]; empty: everybody may call
unsupported = []               # calls that are refused, for example ["reboot", "networkcfg"]
device_name = ""               # at most 16 characters; empty: device_id
records_days = 30              # passes are remembered so long,
records_max = 100000           # so many of them,
record_pictures_max = 5000     # and the newest of those with a picture

[thermometer]
driver = "simulated"           # "simulated" or "none"
mean_c = 36.5
spread_c = 0.2
seed = 1

[card_reader]
driver = "none"

[prompter]
driver = "none"                # how people at the door are told

# How people before a live camera are followed and judged.
[looking]
motion_gate = true             # look for faces only where something moves
decide_after_s = 0.8           # decide by then with the best picture so far; a good one at once
good_quality = 0.5             # 0 to 1
least_quality = 0.15           # below it people are asked to look at the camera
liveness = "none"              # a person or a picture: "none", "movement", "model"
liveness_required = false      # true: closed as well when it cannot be told
liveness_model = "liveness-model"   # model: a folder, see docs/edge-agent.md
mask = "none"                  # "none" (mask_assumed is sent), "heuristic", "model"
mask_model = "mask-model"      # model: a folder
mask_unknown_passes = true     # where a mask is demanded and cannot be told

# From a sensor's heat to a body temperature; compare with a good thermometer.
[temperature]
offset_c = 0.0                 # added at the end
emissivity_factor = 1.0
core_offset_c = 2.0            # how much warmer the body is than a forehead at 23 °C
ambient_slope = 0.1            # by how much it cools for each °C the air is below 23 °C
distance_slope_c_per_m = 0.3   # what the sensor loses for each metre beyond
distance_m = 0.5               # this one
focal_px = 0.0                 # of the camera, to estimate the distance by the eyes; 0 = unknown
sigma_most_c = 0.5             # a less certain reading is none

# From when on the terminal counts as stuck; systemd, or the terminal itself, then starts it again.
[watchdog]
exit_after_s = 0.0             # ends the process by itself when stuck; 0 = leave that to systemd
answer_within_s = 30.0         # a thread that takes longer for anything is stuck
camera_silence_s = 60.0        # a camera without a picture so long is opened again; 0 = never
"""

"""Commented TOML file that ``init-config`` writes."""

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
unrecognised_may_pass = false  # true: cmpNormal 0 (8.1.5) opens to anybody without a fever
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
driver = "folder"              # "folder", "opencv", "picamera2"
folder = "visitors"            # folder: pictures that walk by, one after the other
interval_s = 3.0
rounds = 0                     # folder: 0 = for ever
# visit_gap_s = 8.0            # every driver: the same face within this time is the same visit
# driver = "opencv"            # also takes interval_s, and with a video file rounds
# source = "0"                 # number of a device, rtsp://… or a video file
# driver = "picamera2"         # camera of a Raspberry Pi; also takes interval_s
# camera = 0
# width = 1280
# height = 720
# rotated = false              # it hangs upside down

[relay]
driver = "simulated"           # "simulated", "gpiod", "usb-hid", "http"
# driver = "gpiod"
# chip = "/dev/gpiochip0"
# line = 17
# active_low = false
# driver = "usb-hid"           # USB boards 16c0:05df, "USBRelay1" to "USBRelay8"
# serial = ""                  # five characters; empty: the only board there is
# channel = 1
# driver = "http"
# on_url = "http://192.168.1.8/relay/0?turn=on"
# off_url = "http://192.168.1.8/relay/0?turn=off"
# pulse_url = ""               # instead of on_url, for a relay that times itself: …?timer={s}
# method = "GET"               # "GET", "POST", "PUT"
# username = ""
# password = ""
# digest = false               # true: digest instead of basic authentication
# timeout_s = 2.0

# The terminal's own interface, for other programs (chapters 4 to 8 of the OpenAPI document).
[api]
enabled = true
host = "127.0.0.1"             # "0.0.0.0" = all addresses; needs a password of its own
port = 8899                    # 0 = any free port
push_enabled = true            # records by websocket
push_port = 9000
password = "123456"            # the factory's; good for 127.0.0.1 only. Empty: no calls at all
password_expires = ""          # last day on which it is good, "2027-12-31"; empty: for ever
allow_from = []                # ["192.168.1.5", "10.0.0.0/8"]; empty: all callers
upper_case_signatures = false  # true: for callers that write MD5 in capitals
replay = "refuse"              # "allow": for callers that sign several calls with one timestamp;
                               # an eavesdropper can then open the door, too
unsupported = []               # calls that are refused, for example ["reboot", "networkcfg"]
device_name = ""               # at most 16 characters; empty: device_id
records_days = 30              # passes are remembered so long,
records_max = 100000           # so many of them,
record_pictures_max = 5000     # and the newest of those with a picture

# A web page with the live picture and the last passes; sign in with the password of [api].
[page]
enabled = true
host = "127.0.0.1"             # "0.0.0.0" = all addresses; needs a password of its own
port = 8897                    # 0 = any free port
language = "browser"           # until a visitor chooses; always the same: "en" or "zh"
names = []                     # names of this computer that may be typed, as "door.example"
pictures_per_s = 5.0
picture_px = 640               # longest side of the live picture
watchers_most = 4              # so many watch at once

[thermometer]
driver = "simulated"           # "simulated", "mlx90640", "mlx90614", "serial", "none"
mean_c = 36.5
spread_c = 0.2
seed = 1
# driver = "mlx90640"          # 32 x 24 pixels on I²C
# bus = 1
# address = 0x33               # mlx90614: 0x5a
# refresh_hz = 8               # 4, 8, 16, 32; from 8 on the bus has to run at 400 kHz
# pattern = "chess"            # or "interleaved"
# emissivity = 0.98
# self_heating_c = 8.0         # by how much the sensor is warmer than the air
# sigma_c = 0.3                # standard uncertainty once temperature.offset_c is set
# rotated = 0                  # degrees clockwise: 0, 90, 180, 270
# mirrored = false             # left for right, before it is turned
# view_left = 0.0              # what the sensor sees, as parts of the camera's picture
# view_top = 0.0
# view_right = 1.0
# view_bottom = 1.0
# driver = "mlx90614"          # one spot on I²C; takes bus, address, sigma_c and the view
# driver = "serial"            # lines of text; takes sigma_c
# port = "/dev/ttyUSB0"
# baud = 9600
# ask = ""                     # sent for each reading, as "T\\r\\n"; empty: it sends by itself
# pattern = '(?P<body>\\d\\d\\.\\d+)'   # groups: body or surface, ambient, distance
# timeout_s = 0.8

[card_reader]
driver = "none"                # "none", "keyboard-wedge", "simulated"
# driver = "keyboard-wedge"    # a reader that types, through Linux' input devices
# device = "/dev/input/by-id/usb-card-reader-event-kbd"
# grab = true                  # no other program sees it type
# pause_s = 1.0                # a number that is not finished by then is forgotten
# driver = "simulated"         # cards of a file, one after the other
# file = "cards.json"          # a list of numbers, and of identity cards as idCardInfo of 9.2
# interval_s = 3.0
# rounds = 0                   # 0 = for ever

# Prompts for people at the door.
[prompter]
driver = "none"                # "none", "console", "espeak", "display"
# driver = "console"           # lines of text
# device = ""                  # for example /dev/tty1; empty: standard error
# language = "en"              # every driver: "en" or "zh"
# names = false                # every driver: call people by name
# driver = "espeak"            # spoken by espeak-ng
# voice = ""                   # empty: the usual one of the language
# words_per_minute = 160
# volume = 100                 # 0 to 200
# driver = "display"           # a page for a screen beside the door
# host = "127.0.0.1"           # clients that reach it see what is shown
# port = 8898
# forget_s = 6.0               # words stay so long

# What was not sent yet. Passes are never given up; their pictures are, the oldest first.
[queue]
max_bytes = 1073741824         # most bytes of waiting uploads
free_min_bytes = 268435456     # with less room on the disk, old pictures make room for new ones
open_unrecorded = false        # true: opens even if a pass can be recorded nowhere

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

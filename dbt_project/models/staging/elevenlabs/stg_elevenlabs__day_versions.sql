{{ day_versions('elevenlabs') }}

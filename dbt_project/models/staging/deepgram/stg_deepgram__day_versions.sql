{{ day_versions('deepgram') }}

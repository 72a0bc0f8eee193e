{{ day_versions('litellm') }}

{{ day_versions('github_copilot') }}

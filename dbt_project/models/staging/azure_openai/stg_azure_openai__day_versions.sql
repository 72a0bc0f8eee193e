{{ day_versions('azure_openai') }}

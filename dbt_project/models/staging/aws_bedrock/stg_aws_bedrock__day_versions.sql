{{ day_versions('aws_bedrock') }}

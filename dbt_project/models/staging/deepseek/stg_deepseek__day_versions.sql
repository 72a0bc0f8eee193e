{{ day_versions('deepseek') }}

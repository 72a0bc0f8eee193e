{{ day_versions('cloudflare') }}

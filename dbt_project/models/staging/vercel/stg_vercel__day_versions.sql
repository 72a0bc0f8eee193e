{{ day_versions('vercel') }}

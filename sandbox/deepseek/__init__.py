"""DeepSeek on loopback: its balance as the contract says, served from the books it is given."""

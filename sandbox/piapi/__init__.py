"""PiAPI on loopback: its API as the contract says, served from the books it is given."""

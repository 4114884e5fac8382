"""Public tables of all kinds, each adopted from a fresh clone and taken to production (`make adoptions`)."""

"""What the verbs of the command line do: read the arguments, call a room, print. No decisions are made here."""

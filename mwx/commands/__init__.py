"""What the verbs of the command line do: parse, call, print."""

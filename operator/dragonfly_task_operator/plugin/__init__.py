"""`kubectl dragonfly`: search, delete and look, for people at a terminal, in a pipe, or in a script.

Needs the extra `[kubectl]`, so nothing else imports this room. What is asked of the API server is `client`'s; this room
reads what a person typed, and says what came of it.
"""

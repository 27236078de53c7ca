"""How fast, how big, how many writes: measured on real parts, beside a floor measured in the same minutes.

The floor is a bare `grpc.aio` loop (`floor.py`) that makes the same requests to the same peers, with nothing around
them. Ratios to it travel between machines; seconds do not. A row is one module in `rows/`.
"""
